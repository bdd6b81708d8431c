// ollama_routes: what Ollama's requests about models ask for, and what they are told that cannot be done.
#pragma once
#include <string>

#include "api/fields.hpp"
#include "api/json_lines.hpp"

namespace plimsoll::api {

// The name that a request gives, without ":latest"; empty: none.
[[nodiscard]] std::string asked_ollama_model(const Json& body);
// 403 for a path that would add, change or remove a model.
[[nodiscard]] Problem fleet_is_fixed(const std::string& path);

}  // namespace plimsoll::api
