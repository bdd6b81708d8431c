#include "base/version.hpp"

#include <plimsoll/base/version_generated.hpp>

namespace plimsoll {

std::string_view version() noexcept { return PLIMSOLL_VERSION; }
std::string_view engine_version_built_against() noexcept { return PLIMSOLL_BUILT_AGAINST_LLAMA; }

}  // namespace plimsoll
