// The version of this library, and of the engine it was built against.
#pragma once
#include <string_view>

namespace plimsoll {

[[nodiscard]] std::string_view version() noexcept;                       // "0.2.0"
[[nodiscard]] std::string_view engine_version_built_against() noexcept;  // llama.cpp's, "0.7.0"

}  // namespace plimsoll
