// llama-server's own /completion, and /infill, which differs in its prompt alone.
#include <fmt/format.h>

#include <algorithm>

#include "api/llama_settings.hpp"

#include "llama_writer.hpp"
#include "text_fields.hpp"

namespace plimsoll::api {
namespace {

bool is_token(const Json& json) { return json.is_number_integer(); }

// What stands for a medium in a text of llama-server's clients.
constexpr std::string_view kMarker = "<__media__>";

// {"prompt_string": "a text", "multimodal_data": [a file as base64 for each of the markers in it]}.
std::string read_prompt_with_media(Fields& fields, MediaList& media) {
  const std::string text = fields.need_text("prompt_string");
  const Json* data = fields.find("multimodal_data");
  if (data == nullptr || data->empty()) return text;
  if (!data->is_array()) fields.fail("multimodal_data", "must be a list of files as base64");
  std::string out;
  std::size_t at = 0;
  for (std::size_t i = 0; i < data->size(); ++i) {
    const std::size_t marker = text.find(kMarker, at);
    if (marker == std::string::npos)
      fields.fail("multimodal_data",
                  fmt::format("has {} files, and the text has {} markers ({})", data->size(), i, kMarker));
    out += text.substr(at, marker - at);
    const std::string path = fmt::format("{}[{}]", fields.path_of("multimodal_data"), i);
    if (!(*data)[i].is_string()) throw bad_request(fmt::format("'{}' must be a file as base64", path)).at(path);
    out += read_medium_text((*data)[i].get<std::string>(), path, media);
    at = marker + kMarker.size();
  }
  if (text.find(kMarker, at) != std::string::npos)
    fields.fail("multimodal_data",
                fmt::format("has {} files, and the text has more markers ({})", data->size(), kMarker));
  return out + text.substr(at);
}

// A text, token ids, both in one list, or {"prompt_string": "a text"}.
RawPrompt read_one(const Json& given, const std::string& path, MediaList& media) {
  if (given.is_string()) return given.get<std::string>();
  if (given.is_object()) {
    Fields fields(given, path);
    return read_prompt_with_media(fields, media);
  }
  if (!given.is_array() || given.empty())
    throw bad_request(fmt::format("'{}' must be a text, or a list of texts and token ids", path)).at(path);
  if (std::ranges::all_of(given, is_token)) return read_tokens(given, path);
  return read_mixed(given, path);
}

// A list that has a token id in it is one prompt; any other list is one of prompts.
std::vector<RawPrompt> read_prompts(const Json& given, LlamaForm& form, MediaList& media) {
  if (!given.is_array() || std::ranges::any_of(given, is_token)) return {read_one(given, "prompt", media)};
  if (given.empty() || given.size() > kMostPrompts)
    throw bad_request(fmt::format("'prompt' must hold 1 to {} prompts", kMostPrompts)).at("prompt");
  form.is_list = given.size() > 1;
  std::vector<RawPrompt> out;
  for (std::size_t i = 0; i < given.size(); ++i) out.push_back(read_one(given[i], fmt::format("prompt[{}]", i), media));
  if (out.size() > 1 && !media.empty())
    throw bad_request("'prompt' is a list, and a prompt with pictures or sounds stands alone").at("prompt");
  return out;
}

std::vector<std::string> read_names(Fields& fields, const char* key) {
  std::vector<std::string> out;
  const Json* given = fields.find(key);
  if (given == nullptr) return out;
  if (!given->is_array() || !std::ranges::all_of(*given, [](const Json& one) { return one.is_string(); }))
    fields.fail(key, "must be a list of strings");
  for (const Json& one : *given) out.push_back(one.get<std::string>());
  return out;
}

// Everything but the prompt.
Asked read_common(Fields& fields, Asked asked, LlamaForm form) {
  TextRequest& request = asked.request;
  request.model = fields.text("model").value_or("");
  read_number_of_answers(fields, request);
  (void)read_limits(fields, request, {"n_predict", "max_tokens"});
  request.stop_strings = read_stop_strings(fields, {"stop"});
  read_form(fields, request);
  read_sampling(fields, request);
  const auto n_probs = fields.whole("n_probs", 0, 100'000).value_or(0);
  if (n_probs > 0) request.top_logprobs = static_cast<std::size_t>(n_probs);
  read_after_sampling(fields, request);
  form.after_sampling = request.after_sampling;
  request.stream = fields.flag("stream").value_or(false);
  read_reports(fields, request);
  read_adapters(fields, request);
  read_slot(fields, request);
  request.shows_tokens = true;
  form.return_tokens = fields.flag("return_tokens").value_or(false);
  form.response_fields = read_names(fields, "response_fields");
  fields.ignore({"cache_prompt", "n_keep"});  // prompts are always kept, and no conversation is shifted
  fields.pass_over_unknown();
  form.settings = llama_settings(request);
  form.id_slot = request.conversation_number ? static_cast<std::int64_t>(*request.conversation_number) : -1;
  asked.writer = llama_writer(std::move(form));
  return asked;
}

InfillPrompt::Extra read_extra(const Json& json, const std::string& path) {
  Fields fields(json, path);
  return {.filename = fields.text("filename").value_or("tmp"), .text = fields.need_text("text")};
}

}  // namespace

Asked read_llama_completion(const Json& body) {
  Fields fields(body);
  Asked asked;
  LlamaForm form;
  asked.request.prompt = read_prompts(fields.need("prompt"), form, asked.request.media);
  return read_common(fields, std::move(asked), std::move(form));
}

// OpenAI's clients always name a model, and do not know n_predict.
Asked read_llama_completions(const Json& body) {
  return body.contains("n_predict") || !body.contains("model") ? read_llama_completion(body) : read_completion(body);
}

Asked read_llama_infill(const Json& body) {
  Fields fields(body);
  Asked asked;
  InfillPrompt prompt{.prefix = fields.need_text("input_prefix"),
                      .suffix = fields.need_text("input_suffix"),
                      .prompt = fields.text("prompt").value_or("")};
  if (const Json* extra = fields.find("input_extra")) {
    if (!extra->is_array()) fields.fail("input_extra", "must be a list of {\"filename\", \"text\"}");
    for (std::size_t i = 0; i < extra->size(); ++i)
      prompt.extra.push_back(read_extra((*extra)[i], fmt::format("input_extra[{}]", i)));
  }
  asked.request.prompt = std::move(prompt);
  return read_common(fields, std::move(asked), {});
}

}  // namespace plimsoll::api
