// descriptor_limit: how many files, sockets and pipes this process may have open.
#pragma once
#include <cstdint>

namespace plimsoll {

[[nodiscard]] std::uint64_t descriptor_limit();  // of now
// As many as the system allows this process without asking: the soft limit becomes the hard one. Gives what it is then.
std::uint64_t raise_descriptor_limit();

}  // namespace plimsoll
