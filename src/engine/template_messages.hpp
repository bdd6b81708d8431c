// Messages as a template takes them: what it has no place for is told in what it has.
#pragma once
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/chat_template.hpp"

namespace plimsoll::engine {

// - Arguments of calls are objects, or JSON's text where the template needs it.
// - Content in parts (`extra.content`) stays a list where the template takes one; text becomes one where it takes no
// text.
// - Thoughts ("reasoning_content") stand under the name that the template knows.
// - A system message goes in front of the next user's, tools into the system message, calls into the content as
//   `writer` writes them, or without one as {"tool_calls": [...]} (grammar's ToolForm::listed), a tool's result into a
//   user's message as {"tool_response":
//   {...}}.
[[nodiscard]] nlohmann::ordered_json messages_for(const std::vector<ChatMessage>& messages,
                                                  const nlohmann::ordered_json& tools, const TemplateCapabilities& can,
                                                  const ChatTemplate::CallWriter& writer = {});

}  // namespace plimsoll::engine
