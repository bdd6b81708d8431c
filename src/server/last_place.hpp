// last_place: where a text stands last in another one.
#pragma once
#include <cstddef>
#include <string_view>

namespace plimsoll::server {

// As std::string_view::rfind() of a text that is not empty, in a time that grows with the sum of both lengths and not
// with their product: both may come from a client. Takes as much memory as both.
[[nodiscard]] std::size_t last_place(std::string_view text, std::string_view part);

}  // namespace plimsoll::server
