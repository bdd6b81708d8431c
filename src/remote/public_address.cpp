#include "remote/public_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace plimsoll::remote {
namespace {

using V6 = std::array<std::uint8_t, 16>;

struct Network4 {
  std::uint32_t address;
  unsigned bits;
};

constexpr std::uint32_t v4(unsigned a, unsigned b, unsigned c) { return a << 24U | b << 16U | c << 8U; }

// IANA's registry of special addresses.
constexpr std::array kNotPublic4{
    Network4{v4(0, 0, 0), 8},      Network4{v4(10, 0, 0), 8},     Network4{v4(100, 64, 0), 10},
    Network4{v4(127, 0, 0), 8},    Network4{v4(169, 254, 0), 16}, Network4{v4(172, 16, 0), 12},
    Network4{v4(192, 0, 0), 24},   Network4{v4(192, 0, 2), 24},   Network4{v4(192, 88, 99), 24},
    Network4{v4(192, 168, 0), 16}, Network4{v4(198, 18, 0), 15},  Network4{v4(198, 51, 100), 24},
    Network4{v4(203, 0, 113), 24}, Network4{v4(224, 0, 0), 4},    Network4{v4(240, 0, 0), 4},
};

bool is_public_v4(std::uint32_t address) {
  return std::ranges::none_of(
      kNotPublic4, [&](const Network4& network) { return (address ^ network.address) >> (32U - network.bits) == 0; });
}

std::uint32_t v4_in(const V6& address, std::size_t at) {
  std::uint32_t out = 0;
  std::memcpy(&out, address.data() + at, sizeof out);
  return ntohl(out);
}

bool begins(const V6& address, std::span<const std::uint8_t> with) {
  return std::ranges::equal(std::span(address).first(with.size()), with);
}

bool is_public_v6(const V6& address) {
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  constexpr std::array<std::uint8_t, 12> kTranslated{0, 0x64, 0xFF, 0x9B};
  constexpr std::array<std::uint8_t, 2> k6to4{0x20, 0x02};
  constexpr std::array<std::uint8_t, 4> kDocumentation{0x20, 0x01, 0x0D, 0xB8};
  if (begins(address, kMapped) || begins(address, kTranslated)) return is_public_v4(v4_in(address, kMapped.size()));
  if (begins(address, k6to4)) return is_public_v4(v4_in(address, k6to4.size()));
  const bool is_special = address[0] == 0x20 && address[1] == 0x01 && address[2] < 0x02;  // 2001::/23, tunnels among it
  return (address[0] & 0xE0U) == 0x20 && !is_special && !begins(address, kDocumentation);
}

}  // namespace

bool is_public(const sockaddr& address) noexcept {
  if (address.sa_family == AF_INET)
    return is_public_v4(ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr));
  if (address.sa_family != AF_INET6) return false;
  V6 bytes{};
  std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, bytes.size());
  return is_public_v6(bytes);
}

}  // namespace plimsoll::remote
