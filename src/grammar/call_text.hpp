// call_text: calls as a model writes them, for what its template shows of them: an example, and the history.
#pragma once
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "grammar/tool_form.hpp"

namespace plimsoll::grammar {

// `calls`: [{"name": ..., "arguments": an object or JSON's text, "id"}, ...]; not none. Empty: the form is none of
// marked_form.hpp.
[[nodiscard]] std::string call_text(ToolForm form, const nlohmann::ordered_json& calls);

}  // namespace plimsoll::grammar
