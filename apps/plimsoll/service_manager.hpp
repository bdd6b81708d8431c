// service_manager: tells systemd how far we are, where it has started us (sd_notify's protocol).
#pragma once
#include <string_view>

namespace plimsoll::app {

// "READY=1", one assignment a line. Nothing happens where nobody listens.
void tell_service_manager(std::string_view state) noexcept;

}  // namespace plimsoll::app
