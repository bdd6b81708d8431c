// Filters by what they work on; find_filter() joins them.
#pragma once
#include <string_view>
#include <unordered_map>

#include "builtins.hpp"

namespace plimsoll::jinja {

using Filters = std::unordered_map<std::string_view, Filter>;

[[nodiscard]] const Filters& text_filters();
[[nodiscard]] const Filters& row_filters();

}  // namespace plimsoll::jinja
