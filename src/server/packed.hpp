// packed: files of this folder that are packed into the program (pack.cmake).
#pragma once
#include <string_view>

namespace plimsoll::server {

[[nodiscard]] std::string_view dashboard_page();       // dashboard/page.html
[[nodiscard]] std::string_view openapi_description();  // openapi/openapi.json

}  // namespace plimsoll::server
