// openai_parts: what OpenAI's chat and text completions have in common.
#pragma once
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "api/answer.hpp"

#include "api/fields.hpp"

namespace plimsoll::api {

[[nodiscard]] Json usage_json(const Usage& usage);
[[nodiscard]] const char* finish_reason(Finish finish);
[[nodiscard]] Json tool_call_json(const ToolCall& call);
[[nodiscard]] Json chat_logprobs(const std::vector<TokenLogprob>& tokens);

// How a stream ends: where usage was asked for, a chunk of it without choices. `frame`: what every chunk begins with.
[[nodiscard]] std::string end_of_stream(Json frame, const Usage& usage, bool include_usage);

// Calls of an earlier answer as templates want to see them: arguments as an object, where they are JSON.
[[nodiscard]] Json calls_for_template(const Json& calls, const std::string& path);
// The first of these that is given.
[[nodiscard]] std::optional<std::int32_t> read_most_tokens(Fields& fields, std::initializer_list<const char*> keys);
[[nodiscard]] bool read_include_usage(Fields& fields);
// Fields about accounts, storage and tiers, which have no meaning on one's own machine.
void ignore_openai_fields(Fields& fields);

}  // namespace plimsoll::api
