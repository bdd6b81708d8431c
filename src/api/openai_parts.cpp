#include "openai_parts.hpp"

#include <fmt/format.h>

#include <limits>

#include "api/sse.hpp"

namespace plimsoll::api {

Json usage_json(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
          {"completion_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}}};
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

namespace {

Json logprob_json(const TokenLogprob& token) {
  Json bytes = Json::array();
  for (const char byte : token.text) bytes.push_back(static_cast<unsigned char>(byte));
  return {{"token", token.text}, {"logprob", token.logprob}, {"bytes", std::move(bytes)}};
}

}  // namespace

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
  return event(frame) + kDone;
}

Json calls_for_template(const Json& calls, const std::string& path) {
  if (!calls.is_array()) throw bad_request(fmt::format("'{}' must be a list", path)).at(path);
  Json out = Json::array();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    Fields call(calls[i], fmt::format("{}[{}]", path, i));
    Fields function(call.need("function"), call.path_of("function"));
    const std::string arguments = function.need_text("arguments");
    Json parsed = Json::parse(arguments.empty() ? "{}" : arguments, nullptr, false);
    out.push_back({{"id", call.text("id").value_or("")},
                   {"type", "function"},
                   {"function",
                    {{"name", function.need_text("name")},
                     {"arguments", parsed.is_discarded() ? Json(arguments) : std::move(parsed)}}}});
  }
  return out;
}

std::optional<std::int32_t> read_most_tokens(Fields& fields, std::initializer_list<const char*> keys) {
  std::optional<std::int32_t> most;
  for (const char* key : keys) {
    const auto given = fields.whole(key, 0, std::numeric_limits<std::int32_t>::max());
    if (given && !most) most = static_cast<std::int32_t>(*given);
  }
  return most;
}

bool read_include_usage(Fields& fields) {
  const Json* options = fields.find("stream_options");
  if (options == nullptr) return false;
  Fields inner(*options, "stream_options");
  inner.ignore({"include_obfuscation"});
  return inner.flag("include_usage").value_or(false);
}

void ignore_openai_fields(Fields& fields) {
  fields.ignore({"user", "store", "metadata", "service_tier", "safety_identifier", "prompt_cache_key",
                 "prompt_cache_retention", "cache_prompt", "id_slot"});
}

}  // namespace plimsoll::api
