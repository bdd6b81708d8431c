// public_address: which network addresses everybody has, and which only a machine or a network of its own. Pure.
#pragma once

struct sockaddr;

namespace plimsoll::remote {

// False for this machine's own, private, link-local, shared, multicast, documentation and reserved ones, for those of
// IPv6 that carry such an address of IPv4 in them, and for what is neither IPv4 nor IPv6.
[[nodiscard]] bool is_public(const sockaddr& address) noexcept;

}  // namespace plimsoll::remote
