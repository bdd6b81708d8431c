#include "base/clock.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace plimsoll {

std::string utc_text(Clock::TimePoint at) {
  return fmt::format("{:%FT%TZ}", std::chrono::floor<std::chrono::milliseconds>(at));
}

}  // namespace plimsoll
