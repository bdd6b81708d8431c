// Calls of a chat's history, and their results, as a template takes them.
#pragma once
#include <nlohmann/json.hpp>

namespace plimsoll::engine {

[[nodiscard]] bool has_calls(const nlohmann::ordered_json& entry);

// A message that makes several calls becomes one for each, with its result behind it.
[[nodiscard]] nlohmann::ordered_json one_call_each(const nlohmann::ordered_json& entries);

// Ids of calls and of their results are nine letters and digits then, the same ones for the same ids. Where they have
// none (Ollama's clients), a result's is that of the call of its name, else of the first one without a result.
void give_short_ids(nlohmann::ordered_json& entries);

}  // namespace plimsoll::engine
