// tool_fields: OpenAI's declarations of tools and its choice among them, and the form of both before there were tools.
#pragma once
#include <string>

#include "api/fields.hpp"
#include "api/text_request.hpp"

namespace plimsoll::api {

// In either of OpenAI's spellings (nested in "function", or flat). Tools of other types are run by who offers them:
// they are ignored and named, as the clients that declare them expect. Null where no function is left.
// Functions of a namespace (Codex's MCP servers are ones) have name_in_namespace() here.
[[nodiscard]] Json read_tools(const Json& tools, const std::string& path);
// "mcp__log__" and "read" are "mcp__log__read"; "log" and "read" are "log__read".
[[nodiscard]] std::string name_in_namespace(const std::string& space, const std::string& name);
[[nodiscard]] ToolChoice read_tool_choice(const Json& choice, const std::string& path);

// A choice that only tools could follow which are not run here is ignored and named, as they are.
void pass_over_choice_of_others(Fields& fields, ChatPrompt& chat);
// tools, tool_choice and parallel_tool_calls, checked.
void read_tools_and_choice(Fields& fields, ChatPrompt& chat);
// functions and function_call, where no tools are given. True: calls are to be told in that form, too.
[[nodiscard]] bool read_functions(Fields& fields, ChatPrompt& chat);

}  // namespace plimsoll::api
