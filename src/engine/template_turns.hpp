// The order of a chat's messages as a template takes it.
#pragma once
#include <nlohmann/json.hpp>

#include "engine/template_capabilities.hpp"

namespace plimsoll::engine {

// - Where the template takes no system message, or none behind the first, its text goes in front of the next user's;
//   several at the beginning become one.
// - Where it wants users and answers in turns, messages of one role after each other become one; an empty message
//   stands in for the user before a greeting, and for the answer between a call or its result and a user's message.
[[nodiscard]] nlohmann::ordered_json in_order(nlohmann::ordered_json entries, const TemplateCapabilities& can);

}  // namespace plimsoll::engine
