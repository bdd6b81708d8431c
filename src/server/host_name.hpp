// host_name: what a Host header names: an address, this machine, or something else.
#pragma once
#include <string>

namespace plimsoll::server {

// "localhost:8080", "[::1]:8080", "::1" without the port and the brackets. What is no host at all comes back empty.
[[nodiscard]] std::string without_port(const std::string& host);
// An IPv4 address of four numbers, or an IPv6 one; not a name that looks like one ("127.evil.example").
[[nodiscard]] bool is_address(const std::string& name);
// Names are the same in whatever case, with or without the dot of the root at their end.
[[nodiscard]] bool same_name(const std::string& a, const std::string& b);
// This machine's name as it calls itself; empty: it has none.
[[nodiscard]] std::string own_name();

}  // namespace plimsoll::server
