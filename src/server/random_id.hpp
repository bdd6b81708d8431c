// random_id: names for answers and tool calls, which nobody can guess.
#pragma once
#include <string>

namespace plimsoll::server {

[[nodiscard]] std::string random_id();  // 24 hexadecimal digits

}  // namespace plimsoll::server
