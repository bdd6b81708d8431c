// yaml: a JSON value as YAML for people. Private to this part.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include <string>

namespace plimsoll::place {

// A document, without "---". Texts of several lines are written as they are, those that YAML might take for something
// else in quotes.
[[nodiscard]] std::string to_yaml(const nlohmann::ordered_json& value);

}  // namespace plimsoll::place
