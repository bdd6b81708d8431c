// error_names: a code from its stable spelling, for what another process says.
#pragma once
#include <string_view>

#include <plimsoll/base/error.hpp>

namespace plimsoll {

// `internal` for a name that no version of ours writes.
[[nodiscard]] inline ErrorCode error_code_from(std::string_view name) noexcept {
  for (int i = 0; i <= static_cast<int>(ErrorCode::model_crashed); ++i) {
    if (to_string(static_cast<ErrorCode>(i)) == name) return static_cast<ErrorCode>(i);
  }
  return ErrorCode::internal;
}

}  // namespace plimsoll
