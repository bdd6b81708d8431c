#include "api/openai_parts.hpp"

#include <fmt/format.h>

#include "api/sse.hpp"
#include "api/unknown_fields.hpp"
#include "base/version.hpp"
#include "engine/backend.hpp"

namespace plimsoll::api {

std::string system_fingerprint() { return fmt::format("b{}-plimsoll-{}", engine::engine_version().llama, version()); }

Json usage_json(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"completion_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}}};
}

namespace {

// The rate of so many tokens; 0 where there were none.
double per_second(std::size_t tokens, double ms) { return ms > 0 ? static_cast<double>(tokens) * 1000 / ms : 0; }
double per_token(std::size_t tokens, double ms) { return tokens > 0 ? ms / static_cast<double>(tokens) : 0; }

}  // namespace

Json timings_json(const Timings& timings) {
  Json out{{"cache_n", timings.cached},
           {"prompt_n", timings.prompt},
           {"prompt_ms", timings.prompt_ms},
           {"prompt_per_token_ms", per_token(timings.prompt, timings.prompt_ms)},
           {"prompt_per_second", per_second(timings.prompt, timings.prompt_ms)},
           {"predicted_n", timings.predicted},
           {"predicted_ms", timings.predicted_ms},
           {"predicted_per_token_ms", per_token(timings.predicted, timings.predicted_ms)},
           {"predicted_per_second", per_second(timings.predicted, timings.predicted_ms)}};
  if (!timings.drafted) return out;
  out["draft_n"] = *timings.drafted;
  out["draft_n_accepted"] = timings.accepted;
  return out;
}

Json progress_json(const PromptProgress& progress) {
  return {{"total", progress.total},
          {"cache", progress.cached},
          {"processed", progress.processed},
          {"time_ms", static_cast<std::int64_t>(progress.ms)}};
}

const char* finish_reason(Finish finish) {
  switch (finish) {
    case Finish::stop:
      return "stop";
    case Finish::length:
      return "length";
    case Finish::tool_calls:
      return "tool_calls";
  }
  return "stop";
}

Json tool_call_json(const ToolCall& call) {
  return {{"id", call.id}, {"type", "function"}, {"function", {{"name", call.name}, {"arguments", call.arguments}}}};
}

Json logprob_json(const TokenLogprob& token) {
  Json bytes = Json::array();
  for (const char byte : token.text) bytes.push_back(static_cast<unsigned char>(byte));
  return {{"token", token.text}, {"logprob", token.logprob}, {"bytes", std::move(bytes)}};
}

Json chat_logprobs(const std::vector<TokenLogprob>& tokens) {
  Json content = Json::array();
  for (const TokenLogprob& token : tokens) {
    Json entry = logprob_json(token);
    entry["top_logprobs"] = Json::array();
    for (const TokenLogprob& other : token.top) entry["top_logprobs"].push_back(logprob_json(other));
    content.push_back(std::move(entry));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

std::string end_of_stream(Json frame, const Usage& usage, bool include_usage) {
  constexpr const char* kDone = "data: [DONE]\n\n";
  if (!include_usage) return kDone;
  frame["choices"] = Json::array();
  frame["usage"] = usage_json(usage);
  if (usage.timings) frame["timings"] = timings_json(*usage.timings);
  return event(frame) + kDone;
}

namespace {

// Text that is JSON; an object, as Ollama's clients send it, is taken as it is.
Json arguments_for_template(const Json* given, Fields& function) {
  if (given == nullptr) return Json::object();
  if (given->is_object()) return *given;
  if (!given->is_string()) function.fail("arguments", "must be a string of JSON, or an object");
  const auto text = given->get<std::string>();
  return json_inside(text.empty() ? "{}" : text).value_or(Json(text));
}

}  // namespace

Json calls_for_template(const Json& calls, const std::string& path) {
  if (!calls.is_array()) throw bad_request(fmt::format("'{}' must be a list", path)).at(path);
  Json out = Json::array();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    Fields call(calls[i], fmt::format("{}[{}]", path, i));
    Fields function(call.need("function"), call.path_of("function"));
    out.push_back({{"id", call.text("id").value_or("")},
                   {"type", "function"},
                   {"function",
                    {{"name", function.need_text("name")},
                     {"arguments", arguments_for_template(function.find("arguments"), function)}}}});
    call.ignore({"type", "index", "function", "caller"});
    call.pass_over_unknown();
  }
  return out;
}

bool read_include_usage(Fields& fields) {
  const Json* options = fields.find("stream_options");
  if (options == nullptr) return false;
  Fields inner(*options, "stream_options");
  inner.ignore({"include_obfuscation", "continuous_usage_stats"});
  const bool wanted = inner.flag("include_usage").value_or(false);
  inner.pass_over_unknown();
  return wanted;
}

void ignore_openai_fields(Fields& fields) {
  fields.ignore({"user", "user_id", "metadata", "service_tier", "safety_identifier", "prompt_cache_key",
                 "prompt_cache_retention", "tags", "session_id", "chat_id", "api_key", "provider", "usage"});
  fields.pass_over("store", "nothing is stored");
}

namespace {

// Fields that ask for nothing where they say what is so anyway, and else for something that is not here.
void pass_over_unless(Fields& fields, const char* key, bool what_is_so, const char* why) {
  const Json* given = fields.find(key);
  if (given != nullptr && *given != Json(what_is_so)) UnknownFields::met(fields.path_of(key), why);
}

}  // namespace

void pass_over_others_fields(Fields& fields) {
  pass_over_unless(fields, "cache_prompt", true, "prompts are kept in memory, as --cached-prompts says");
  pass_over_unless(fields, "skip_special_tokens", true, "control tokens are not shown");
  pass_over_unless(fields, "parse_tool_calls", true, "calls are always told apart");
  fields.pass_over({"audio", "prediction", "web_search_options", "moderation"}, "answers are text, and of the model's");
  fields.pass_over("modalities", "answers are text", Json::array({"text"}));
}

}  // namespace plimsoll::api
