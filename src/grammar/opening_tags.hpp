// opening_tags: the texts that begin a call wherever they stand.
#pragma once
#include <string>
#include <vector>

#include "grammar/tool_opening.hpp"

namespace plimsoll::grammar {

// Empty: a call begins with its JSON.
[[nodiscard]] std::vector<std::string> opening_tags(const ToolOpening& opening);

}  // namespace plimsoll::grammar
