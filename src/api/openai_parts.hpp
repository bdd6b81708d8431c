// openai_parts: what OpenAI's chat and text completions have in common.
#pragma once
#include <string>
#include <vector>

#include "api/answer.hpp"

#include "api/fields.hpp"

namespace plimsoll::api {

// Which engine answered, and which program: "b0.7.0-plimsoll-0.2.0". It begins as llama-server's does.
[[nodiscard]] std::string system_fingerprint();
[[nodiscard]] Json usage_json(const Usage& usage);
[[nodiscard]] Json timings_json(const Timings& timings);  // llama-server's names
[[nodiscard]] Json progress_json(const PromptProgress& progress);
[[nodiscard]] const char* finish_reason(Finish finish);
[[nodiscard]] Json tool_call_json(const ToolCall& call);
[[nodiscard]] Json logprob_json(const TokenLogprob& token);  // without those beside it
[[nodiscard]] Json chat_logprobs(const std::vector<TokenLogprob>& tokens);

// How a stream ends: where usage was asked for, a chunk of it without choices. `frame`: what every chunk begins with.
[[nodiscard]] std::string end_of_stream(Json frame, const Usage& usage, bool include_usage);

// Calls of an earlier answer as templates want to see them: arguments as an object, where they are JSON.
[[nodiscard]] Json calls_for_template(const Json& calls, const std::string& path);
[[nodiscard]] bool read_include_usage(Fields& fields);
// Fields about accounts, storage and tiers, which have no meaning on one's own machine; and those that say what is so
// anyway.
void ignore_openai_fields(Fields& fields);
// What others' servers do and this one does not, where an answer is of use without it.
void pass_over_others_fields(Fields& fields);

}  // namespace plimsoll::api
