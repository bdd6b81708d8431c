// text_fields: what the APIs for text have in common, read into a TextRequest. Forms, thoughts and tools have files of
// their own.
#pragma once
#include <initializer_list>
#include <string>
#include <vector>

#include "api/fields.hpp"
#include "api/text_request.hpp"

#include "form_fields.hpp"
#include "media_fields.hpp"
#include "thinking_fields.hpp"
#include "tool_fields.hpp"

namespace plimsoll::api {

// temperature, top_p, seed, penalties, logit_bias, and further names (top_k, min_p, samplers ...).
void read_sampling(Fields& fields, TextRequest& request);
// How many answers: n, or llama-server's n_cmpl.
void read_number_of_answers(Fields& fields, TextRequest& request);
// Of how many they are the likeliest; after `stream` has been read.
void read_best_of(Fields& fields, TextRequest& request);
// How many tokens an answer has: min_tokens, stop_token_ids, include_stop_str_in_output, t_max_predict_ms, and the most
// of them under the first of `keys` that is given. -1 and null: no limit. False: nothing was said about the most.
bool read_limits(Fields& fields, TextRequest& request, std::initializer_list<const char*> keys);
// Strings that end an answer: a string or a list of them, under all of these keys together.
[[nodiscard]] std::vector<std::string> read_stop_strings(Fields& fields, std::initializer_list<const char*> keys);
// Ollama's keep_alive and LM Studio's ttl.
void read_keep_alive(Fields& fields, TextRequest& request);
// llama-server's timings_per_token, return_progress and sse_ping_interval; priority.
void read_reports(Fields& fields, TextRequest& request);
// llama-server's post_sampling_probs.
void read_after_sampling(Fields& fields, TextRequest& request);
// llama-server's lora.
void read_adapters(Fields& fields, TextRequest& request);
// llama-server's id_slot; -1 is any.
void read_slot(Fields& fields, TextRequest& request);
// A list of texts and token ids.
[[nodiscard]] MixedPrompt read_mixed(const Json& list, const std::string& path);
// A string, token ids, both mixed, or a list of these: `most` of them at most, which are called `what`. A list that has
// a token id in it is one prompt.
[[nodiscard]] std::vector<RawPrompt> read_texts_or_tokens(Fields& fields, const char* key, std::size_t most,
                                                          const char* what);
// The text of a message: a string, or parts. Pictures and sounds become marks of the list, where there is one; else,
// and files, they are refused, but in what a tool gave back (see read_medium_of_a_tool()). Parts of other types are
// ignored and named.
[[nodiscard]] std::string read_content(const Json& content, const std::string& path, MediaList* media,
                                       bool of_a_tool = false);
// add_generation_prompt and continue_final_message. Where neither is given, a last message of the model's own is gone
// on with.
void read_going_on(Fields& fields, ChatPrompt& chat);

}  // namespace plimsoll::api
