// tool_holding: tools of an answer that may begin with a thought.
#pragma once
#include <string_view>
#include <vector>

#include "api/tool_calls.hpp"

namespace plimsoll::api {

// As hold_to_tools(). `mark`: what a thought begins with, where the answer may begin with one; no text does then.
std::vector<grammar::SchemaNote> hold_to_tools_beside_thoughts(engine::SamplingParams& sampling, const ChatPrompt& chat,
                                                               grammar::ToolForm form, std::string_view mark);

}  // namespace plimsoll::api
