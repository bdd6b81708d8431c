// thinking_fields: whether, how hard and how long a model is to think, in everybody's words.
#pragma once
#include <string>

#include "api/fields.hpp"
#include "api/text_request.hpp"

namespace plimsoll::api {

// How hard to think, as values that templates ask for: {"reasoning_effort": "low"}; "none" is {"enable_thinking":
// false}.
[[nodiscard]] Json thinking_values(const std::string& effort);

// reasoning_effort, enable_thinking, think, thinking, reasoning, the budgets and chat_template_kwargs, which comes
// last. False: thoughts are not to be told.
[[nodiscard]] bool read_thinking(Fields& fields, TextRequest& request, ChatPrompt& chat);
// A budget of tokens; -1 or null: none.
void read_thought_budget(Fields& fields, const char* key, TextRequest& request);

}  // namespace plimsoll::api
