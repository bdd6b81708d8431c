// dashboard_page: dashboard/index.html, packed into the program by dashboard/pack.cmake.
#pragma once
#include <string_view>

namespace plimsoll::server {

[[nodiscard]] std::string_view dashboard_page();

}  // namespace plimsoll::server
