#include "broker/picture.hpp"

#include <ctime>

namespace plimsoll::broker {

BootTime boot_time() noexcept {
  timespec now{};
  (void)::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::duration_cast<BootTime>(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace plimsoll::broker
