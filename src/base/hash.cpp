#include <fmt/format.h>

#include "base/hash.hpp"

namespace plimsoll {

std::string Fnv1a::hex() const { return fmt::format("{:016x}", value_); }

}  // namespace plimsoll
