#include "device/rpc_address.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <memory>
#include <ranges>
#include <utility>

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include "base/parse_number.hpp"

namespace plimsoll::device {
namespace {

std::string_view without_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

std::string text_of(std::uint32_t ipv4) {
  const in_addr address{.s_addr = htonl(ipv4)};
  std::array<char, INET_ADDRSTRLEN> text{};
  return inet_ntop(AF_INET, &address, text.data(), text.size());
}

void require_private(const RpcAddress& server, const std::vector<std::uint32_t>& addresses) {
  for (const std::uint32_t address : addresses) {
    if (is_private(address)) continue;
    throw Error(ErrorCode::usage,
                fmt::format("the RPC server {} is at {}, which is neither a loopback nor a private address: the "
                            "protocol knows no password and encrypts nothing, so whoever reads or reaches it has the "
                            "model and that machine. Reach it through ssh or WireGuard (docs/cluster.md), or give "
                            "--rpc-insecure",
                            server.text(), text_of(address)));
  }
}

}  // namespace

std::string RpcAddress::text() const { return fmt::format("{}:{}", host, port); }

std::string RpcAddress::written() const { return fmt::format("{}:{}", name.empty() ? host : name, port); }

std::string RpcAddress::shown() const { return name.empty() ? text() : fmt::format("{} ({})", written(), host); }

std::expected<RpcAddress, std::string> parse_rpc_address(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return std::unexpected(fmt::format("'{}' is not an address of an RPC server: {}", text, why));
  };
  const std::string_view bare = without_blanks(text);
  const std::size_t colon = bare.find(':');
  if (colon == std::string_view::npos) return wrong("it is written HOST:PORT");
  if (bare.find(':', colon + 1) != std::string_view::npos)
    return wrong("it is written HOST:PORT, and the engine reaches IPv4 addresses alone");
  const std::string_view host = bare.substr(0, colon);
  if (host.empty() || !std::ranges::all_of(host, is_host_character)) return wrong("it names no host");
  const auto port = parse_number<std::uint16_t>(bare.substr(colon + 1));
  if (!port || *port == 0) return wrong("a port is a number from 1 to 65535");
  return RpcAddress{.host = std::string(host), .port = *port};
}

std::vector<RpcAddress> parse_rpc_addresses(const std::vector<std::string>& texts) {
  std::vector<RpcAddress> out;
  for (const std::string& text : texts) {
    for (const auto part : std::views::split(text, ',')) {
      const auto parsed = parse_rpc_address(std::string_view(part));
      if (!parsed) throw Error(ErrorCode::usage, parsed.error());
      if (std::ranges::contains(out, *parsed))
        throw Error(ErrorCode::usage, fmt::format("the RPC server {} is named twice", parsed->text()));
      out.push_back(*parsed);
    }
  }
  if (out.size() > kMostRpcServers)
    throw Error(ErrorCode::usage,
                fmt::format("{} RPC servers are named; the engine takes {} at most", out.size(), kMostRpcServers));
  return out;
}

bool is_private(std::uint32_t ipv4) noexcept {
  struct Range {
    std::uint32_t prefix;
    int bits;
  };
  static constexpr std::array<Range, 5> kRanges{
      {{0x7F000000, 8}, {0x0A000000, 8}, {0xAC100000, 12}, {0xC0A80000, 16}, {0xA9FE0000, 16}}};
  return std::ranges::any_of(kRanges, [&](const Range& range) {
    return ((ipv4 ^ range.prefix) >> static_cast<unsigned>(32 - range.bits)) == 0;
  });
}

std::optional<std::uint32_t> ipv4_of(const std::string& host) {
  in_addr address{};
  if (inet_pton(AF_INET, host.c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

std::vector<std::uint32_t> ask_name_service(const RpcAddress& server) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int status = getaddrinfo(server.host.c_str(), nullptr, &hints, &found); status != 0)
    throw Error(ErrorCode::io,
                fmt::format("the RPC server {} cannot be found: {}", server.text(), gai_strerror(status)));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, &freeaddrinfo);
  std::vector<std::uint32_t> out;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next)
    out.push_back(ntohl(reinterpret_cast<const sockaddr_in*>(one->ai_addr)->sin_addr.s_addr));
  return out;
}

std::vector<RpcAddress> resolved(std::vector<RpcAddress> servers, RpcPlaces places, const RpcLookup& lookup) {
  std::vector<RpcAddress> out;
  for (RpcAddress& server : servers) {
    const auto numeric = ipv4_of(server.host);
    const auto addresses = numeric ? std::vector{*numeric} : lookup(server);
    if (places == RpcPlaces::of_private_networks) require_private(server, addresses);
    if (!numeric) server.name = std::exchange(server.host, text_of(addresses.front()));
    if (const auto same = std::ranges::find(out, server.text(), &RpcAddress::text); same != out.end())
      throw Error(ErrorCode::usage, fmt::format("{} and {} are one RPC server", same->written(), server.written()));
    out.push_back(std::move(server));
  }
  return out;
}

}  // namespace plimsoll::device
