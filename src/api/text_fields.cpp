#include "text_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <ranges>

#include "api/unknown_fields.hpp"

namespace plimsoll::api {
namespace {

constexpr std::int64_t kMostTokens = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMostConversations = 1'000'000;  // as many as a path of /slots/ID names

void add_stop_strings(Fields& fields, const char* key, std::vector<std::string>& stops) {
  const Json* value = fields.find(key);
  if (value == nullptr) return;
  const auto add = [&](const Json& text) {
    stops.push_back(text.get<std::string>());
    const auto sizes = stops | std::views::transform([](const std::string& one) { return one.size(); });
    if (std::ranges::fold_left(sizes, std::size_t{0}, std::plus{}) > kMostStopBytes)
      fields.fail(key, fmt::format("may hold {} bytes at most, all strings together", kMostStopBytes));
  };
  if (value->is_string()) return add(*value);
  if (!value->is_array()) fields.fail(key, "must be a string or a list of strings");
  if (value->size() > kMostStopStrings) fields.fail(key, fmt::format("may hold {} strings at most", kMostStopStrings));
  for (const Json& entry : *value) {
    if (entry.is_null()) continue;
    if (!entry.is_string()) fields.fail(key, "must be a string or a list of strings");
    add(entry);
  }
}

// Empty: not given. -1: no limit.
std::optional<std::int32_t> read_most(Fields& fields, const char* key) {
  const bool is_null = fields.has_null(key);
  constexpr std::int64_t kUntilFull = -2;  // llama.cpp's, which is the same here
  const auto given = fields.whole(key, kUntilFull, kMostTokens);
  if (!given) return is_null ? std::optional(-1) : std::nullopt;
  return static_cast<std::int32_t>(std::max<std::int64_t>(*given, -1));
}

}  // namespace

std::vector<std::string> read_stop_strings(Fields& fields, std::initializer_list<const char*> keys) {
  std::vector<std::string> stops;
  for (const char* key : keys) add_stop_strings(fields, key, stops);
  return stops;
}

void read_number_of_answers(Fields& fields, TextRequest& request) {
  const auto llamas = fields.whole("n_cmpl", 1, kMostAnswers);
  const auto openais = fields.whole("n", 1, kMostAnswers);
  request.n = static_cast<std::int32_t>(llamas ? *llamas : openais.value_or(1));
}

// The likeliest are known once all are made.
void read_best_of(Fields& fields, TextRequest& request) {
  request.best_of = static_cast<std::int32_t>(fields.whole("best_of", 1, kMostAnswers).value_or(request.n));
  if (request.best_of < request.n) fields.fail("best_of", fmt::format("must be at least 'n', which is {}", request.n));
  if (request.best_of > request.n && request.stream)
    fields.fail("best_of", "cannot be more than 'n' where the answer is streamed");
}

bool read_limits(Fields& fields, TextRequest& request, std::initializer_list<const char*> keys) {
  std::optional<std::int32_t> most;
  for (const char* key : keys) {
    const auto given = read_most(fields, key);
    if (!most || (*most < 0 && given)) most = given;  // a number says more than null
  }
  if (most && *most >= 0) request.most_tokens = *most;
  request.least_tokens = static_cast<std::int32_t>(fields.whole("min_tokens", 0, kMostTokens).value_or(0));
  if (const Json* tokens = fields.find("stop_token_ids")) {
    if (!tokens->is_array()) fields.fail("stop_token_ids", "must be a list of token ids");
    if (tokens->size() > kMostNamedTokens)
      fields.fail("stop_token_ids", fmt::format("may hold {} token ids at most", kMostNamedTokens));
    request.stop_tokens = read_tokens(*tokens, "stop_token_ids");
  }
  request.keep_stop_string = fields.flag("include_stop_str_in_output").value_or(false);
  if (const auto time = fields.whole("t_max_predict_ms", -1, kMostTokens); time && *time > 0)
    request.most_time = std::chrono::milliseconds(*time);
  return most.has_value();
}

void read_keep_alive(Fields& fields, TextRequest& request) {
  for (const char* key : {"keep_alive", "ttl"}) {
    if (const auto stays = read_keep_alive(fields, key)) request.keep_alive = stays;
  }
}

void read_reports(Fields& fields, TextRequest& request) {
  request.tells_times = fields.flag("timings_per_token").value_or(false);
  request.tells_progress = fields.flag("return_progress").value_or(false);
  if (const auto priority = fields.whole("priority", -1'000'000, 1'000'000))
    request.priority = static_cast<int>(*priority);
  if (const auto seconds = fields.whole("sse_ping_interval", -1, 86'400))
    request.heartbeat = std::chrono::seconds(std::max<std::int64_t>(*seconds, 0));
}

void read_after_sampling(Fields& fields, TextRequest& request) {
  request.after_sampling = fields.flag("post_sampling_probs").value_or(false);
}

void read_adapters(Fields& fields, TextRequest& request) {
  if (const Json* list = fields.find("lora")) request.adapters = read_adapter_scales(*list, fields.path_of("lora"));
}

void read_slot(Fields& fields, TextRequest& request) {
  if (const auto number = fields.whole("id_slot", -1, kMostConversations - 1); number && *number >= 0)
    request.conversation_number = static_cast<std::uint32_t>(*number);
}

MixedPrompt read_mixed(const Json& list, const std::string& path) {
  MixedPrompt out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].is_string()) {
      out.push_back({.text = list[i].get<std::string>()});
    } else {
      out.push_back({.tokens = read_tokens(Json::array({list[i]}), fmt::format("{}[{}]", path, i))});
    }
  }
  return out;
}

namespace {

RawPrompt read_token_list(const Json& list, const std::string& path) {
  if (std::ranges::any_of(list, [](const Json& one) { return one.is_string(); })) return read_mixed(list, path);
  return read_tokens(list, path);
}

}  // namespace

std::vector<RawPrompt> read_texts_or_tokens(Fields& fields, const char* key, std::size_t most, const char* what) {
  const Json& given = fields.need(key);
  if (given.is_string()) return {given.get<std::string>()};
  if (!given.is_array() || given.empty())
    fields.fail(key, "must be a string, a list of token ids, or a list of either");
  if (std::ranges::any_of(given, [](const Json& one) { return one.is_number(); })) return {read_token_list(given, key)};
  if (given.size() > most) fields.fail(key, fmt::format("may hold {} {} at most", most, what));
  std::vector<RawPrompt> out;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", key, i);
    if (given[i].is_string())
      out.emplace_back(given[i].get<std::string>());
    else if (given[i].is_array())
      out.push_back(read_token_list(given[i], path));
    else
      throw bad_request(fmt::format("'{}' must be a string or a list of token ids", path)).at(path);
  }
  return out;
}

namespace {

std::string mark_of(Fields& part, const std::string& type, const std::string& path, MediaList* media) {
  if (!is_medium(type)) part.fail("type", fmt::format("is '{}'; text, pictures and sounds are understood here", type));
  if (media == nullptr)
    part.fail("type", fmt::format("is '{}'; only text is understood here: pictures stand in what the user says", type));
  std::string mark = read_medium(part, type, path, *media);
  part.ignore({"type"});
  part.pass_over_unknown();
  return mark;
}

}  // namespace

std::string read_content(const Json& content, const std::string& path, MediaList* media, bool of_a_tool) {
  if (content.is_null()) return {};
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) throw bad_request(fmt::format("'{}' must be a string or a list of parts", path)).at(path);
  std::string text;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    if (content[i].is_string()) {
      text += content[i].get<std::string>();
      continue;
    }
    Fields part(content[i], at);
    const std::string type = part.need_text("type");
    if (is_no_text(type)) {
      text += of_a_tool ? read_medium_of_a_tool(part, type, at, media) : mark_of(part, type, at, media);
      continue;
    }
    if (type != "text" && type != "input_text" && type != "output_text" && type != "refusal") {
      UnknownFields::met(fmt::format("{}.type={}", at, type), "only text is understood here");
      continue;
    }
    text += part.need_text(type == "refusal" ? "refusal" : "text");
    part.ignore({"cache_control", "annotations", "logprobs"});
    part.pass_over_unknown();
  }
  return text;
}

void read_going_on(Fields& fields, ChatPrompt& chat) {
  const auto new_turn = fields.flag("add_generation_prompt");
  const auto goes_on = fields.flag("continue_final_message");
  const engine::ChatMessage& last = chat.messages.back();
  const bool can = last.role == "assistant" && !last.content.empty() && !last.extra.contains("tool_calls");
  if (goes_on.value_or(false) && !can)
    fields.fail("continue_final_message", "needs a last message that is the assistant's, has text and makes no calls");
  if (goes_on.value_or(false) && new_turn.value_or(false))
    fields.fail("continue_final_message", "and 'add_generation_prompt' cannot both be");
  chat.goes_on = goes_on.value_or(can && !new_turn.value_or(false));
  chat.add_generation_prompt = !chat.goes_on && new_turn.value_or(true);
}

}  // namespace plimsoll::api
