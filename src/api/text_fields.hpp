// text_fields: what the APIs for text have in common, read into a TextRequest.
#pragma once
#include <string>
#include <vector>

#include "api/text_request.hpp"

#include "api/fields.hpp"

namespace plimsoll::api {

// temperature, top_p, seed, penalties, logit_bias, and llama-server's further names (top_k, min_p, grammar ...).
void read_sampling(Fields& fields, TextRequest& request);
// A string or a list of them. `key`: "stop", "stop_sequences".
[[nodiscard]] std::vector<std::string> read_stop_strings(Fields& fields, const char* key);
// A string, token ids, or a list of either: `most` of them at most, which are called `what`.
[[nodiscard]] std::vector<RawPrompt> read_texts_or_tokens(Fields& fields, const char* key, std::size_t most,
                                                          const char* what);
// The text of a message: a string, or parts of which all are text (`types`: their names).
[[nodiscard]] std::string read_content(const Json& content, const std::string& path);
// {"type": "json_object"}, {"type": "json_schema", ...}, {"type": "text"}; null where nothing is asked for.
[[nodiscard]] Json read_format(const Json& format, const std::string& path);
// OpenAI's list of tools and its choice, in either of OpenAI's spellings (nested in "function", or flat).
[[nodiscard]] Json read_tools(const Json& tools, const std::string& path);
[[nodiscard]] ToolChoice read_tool_choice(const Json& choice, const std::string& path);

// How hard to think, as values that templates ask for: {"reasoning_effort": "low"}; "none" is {"enable_thinking":
// false}.
[[nodiscard]] Json thinking_values(const std::string& effort);

// Throws Problem 400 for the first field that nobody has read.
void refuse_unknown(const Fields& fields);

}  // namespace plimsoll::api
