#include "host_name.hpp"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/lower_case.hpp"
#include "server/server_options.hpp"

namespace plimsoll::server {
namespace {

constexpr std::size_t kMappedAt = 12;  // ::ffff:127.0.0.1: an IPv4 address behind twelve bytes

using V4 = std::array<std::uint8_t, 4>;
using V6 = std::array<std::uint8_t, 16>;

template <class Address>
std::optional<Address> parsed(int family, const std::string& text) {
  Address address{};
  return inet_pton(family, text.c_str(), address.data()) == 1 ? std::optional(address) : std::nullopt;
}

bool is_loopback_v6(const V6& address) {
  V6 loopback{};
  loopback.back() = 1;
  if (address == loopback) return true;
  V6 mapped{};
  mapped[10] = mapped[11] = 0xff;
  return std::ranges::equal(std::span(address).first(kMappedAt), std::span(mapped).first(kMappedAt)) &&
         address[kMappedAt] == 127;
}

}  // namespace

std::string without_port(const std::string& host) {
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    return end == std::string::npos ? std::string{} : host.substr(1, end - 1);
  }
  if (std::ranges::count(host, ':') > 1) return host;  // an IPv6 address without brackets has no port
  return host.substr(0, host.find(':'));
}

bool is_address(const std::string& name) { return parsed<V4>(AF_INET, name) || parsed<V6>(AF_INET6, name); }

bool same_name(const std::string& a, const std::string& b) {
  const auto bare = [](std::string name) {
    if (name.ends_with('.')) name.pop_back();
    return lower_case(name);
  };
  return !a.empty() && bare(a) == bare(b);
}

std::string own_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string{};
}

bool is_loopback(const std::string& address) {
  if (same_name(address, "localhost")) return true;
  if (const auto v4 = parsed<V4>(AF_INET, address)) return v4->front() == 127;
  const auto v6 = parsed<V6>(AF_INET6, address);
  return v6 && is_loopback_v6(*v6);
}

}  // namespace plimsoll::server
