#include "api/sse.hpp"

#include <fmt/format.h>

namespace plimsoll::api {

std::string event(const Json& data, std::string_view name) {
  if (name.empty()) return fmt::format("data: {}\n\n", to_text(data));
  return fmt::format("event: {}\ndata: {}\n\n", name, to_text(data));
}

}  // namespace plimsoll::api
