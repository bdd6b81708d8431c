#include "broker/picture.hpp"

#include <ctime>

namespace plimsoll::broker {

BootTime boot_time() noexcept {
  timespec now{};
  (void)::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::duration_cast<BootTime>(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

std::string_view to_string(Work work) noexcept {
  switch (work) {
    case Work::loading:
      return "loading";
    case Work::ready:
      return "ready";
    case Work::busy:
      return "busy";
    case Work::going:
      return "going";
    case Work::none:
      break;
  }
  return "none";
}

}  // namespace plimsoll::broker
