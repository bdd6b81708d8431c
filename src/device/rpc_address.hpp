// rpc_address: where a server of ggml's RPC backend listens, and whether that is a place that can be trusted with it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::device {

struct RpcAddress {
  std::string host{};  // a name or an IPv4 address: the engine's RPC backend knows no others
  std::uint16_t port = 0;
  [[nodiscard]] std::string text() const;  // "10.0.0.2:50052"
  friend bool operator==(const RpcAddress&, const RpcAddress&) = default;
};

inline constexpr std::size_t kMostRpcServers = 16;

// "HOST:PORT"; else a sentence. Pure.
[[nodiscard]] std::expected<RpcAddress, std::string> parse_rpc_address(std::string_view text);
// Those between commas, of all of these texts. Throws Error{usage}: one that is none, one that is there twice, too
// many.
[[nodiscard]] std::vector<RpcAddress> parse_rpc_addresses(const std::vector<std::string>& texts);

// Loopback, or private by RFC 1918, or link-local. `ipv4`: in the host's byte order. Pure.
[[nodiscard]] bool is_private(std::uint32_t ipv4) noexcept;
// The protocol has no authentication and no encryption: who reaches a server can have it do anything. Throws
// Error{usage} for a server of which an address is none of those, and Error{io} for a name that is not known. Asks the
// name service.
void require_private(const std::vector<RpcAddress>& servers);

}  // namespace plimsoll::device
