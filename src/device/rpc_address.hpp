// rpc_address: where a server of ggml's RPC backend listens, and whether that is a place that can be trusted with it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::device {

struct RpcAddress {
  std::string host{};  // an IPv4 address: the engine's RPC backend knows no others; before resolved(), or a name
  std::uint16_t port = 0;
  std::string name{};                         // of which the host is what the name service said; empty: there was none
  [[nodiscard]] std::string text() const;     // "10.0.0.2:50052"
  [[nodiscard]] std::string written() const;  // as whoever named it wrote it: "big-box:50052"
  [[nodiscard]] std::string shown() const;    // "big-box:50052 (10.0.0.2)"
  friend bool operator==(const RpcAddress&, const RpcAddress&) = default;
};

inline constexpr std::size_t kMostRpcServers = 16;

// "HOST:PORT"; else a sentence. Pure.
[[nodiscard]] std::expected<RpcAddress, std::string> parse_rpc_address(std::string_view text);
// Those between commas, of all of these texts. Throws Error{usage}: one that is not an address, one that is there
// twice, too many.
[[nodiscard]] std::vector<RpcAddress> parse_rpc_addresses(const std::vector<std::string>& texts);

// Loopback, or private by RFC 1918, or link-local. `ipv4`: in the host's byte order. Pure.
[[nodiscard]] bool is_private(std::uint32_t ipv4) noexcept;
// "10.0.0.2", in the host's byte order; empty for anything else. Pure.
[[nodiscard]] std::optional<std::uint32_t> ipv4_of(const std::string& host);

enum class RpcPlaces { of_private_networks, anywhere };
// All IPv4 addresses of a name, in the host's byte order. Throws Error{io} where there is none.
using RpcLookup = std::function<std::vector<std::uint32_t>(const RpcAddress& server)>;
[[nodiscard]] std::vector<std::uint32_t> ask_name_service(const RpcAddress& server);
// The servers at the addresses that their names have now. Once: what was looked at here is what is connected to later,
// by this process and its children, whatever the names mean by then. The protocol has no authentication and no
// encryption, and who reaches a server can have it do anything: throws Error{usage} for one of which an address is not
// private, where it has to be; for two names of one server; and what the lookup throws.
[[nodiscard]] std::vector<RpcAddress> resolved(std::vector<RpcAddress> servers, RpcPlaces places,
                                               const RpcLookup& lookup = ask_name_service);

}  // namespace plimsoll::device
