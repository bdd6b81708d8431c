#include "thinking_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

namespace plimsoll::api {
namespace {

void merge(ChatPrompt& chat, const Json& values) {
  if (chat.template_values.is_null()) chat.template_values = Json::object();
  chat.template_values.update(values);
}

void set_enabled(ChatPrompt& chat, bool enabled) { merge(chat, {{"enable_thinking", enabled}}); }

// Ollama's: true, false, or how hard.
void read_think(Fields& fields, ChatPrompt& chat) {
  const Json* given = fields.find("think");
  if (given == nullptr) return;
  if (given->is_boolean()) return set_enabled(chat, given->get<bool>());
  if (!given->is_string()) fields.fail("think", "must be true, false, 'low', 'medium' or 'high'");
  merge(chat, thinking_values(given->get<std::string>()));
}

// DeepSeek's and Anthropic's: {"type": "enabled", "budget_tokens": 1024}.
void read_thinking_object(Fields& fields, TextRequest& request, ChatPrompt& chat) {
  const Json* given = fields.find("thinking");
  if (given == nullptr) return;
  if (given->is_boolean()) return set_enabled(chat, given->get<bool>());
  Fields inner(*given, fields.path_of("thinking"));
  const std::string type = inner.text("type").value_or("enabled");
  if (type == "enabled" || type == "disabled")
    set_enabled(chat, type == "enabled");
  else if (type != "adaptive" && type != "auto")
    inner.fail("type", fmt::format("is '{}'; it must be enabled, adaptive, auto or disabled", type));
  read_thought_budget(inner, "budget_tokens", request);
  inner.ignore({"display", "clear_thinking"});
  inner.pass_over_unknown();
}

// Whether, or how hard: true, "off", "low".
void set_reasoning(const Json& given, ChatPrompt& chat) {
  if (given.is_boolean()) return set_enabled(chat, given.get<bool>());
  const auto word = given.get<std::string>();
  if (word == "on" || word == "off") return set_enabled(chat, word == "on");
  if (word != "auto" && !word.empty()) merge(chat, thinking_values(word));
}

// OpenRouter's and OpenAI's: {"effort": "low", "max_tokens": 1024, "exclude": false}; a word or a boolean of others.
bool read_reasoning(Fields& fields, TextRequest& request, ChatPrompt& chat) {
  const Json* given = fields.find("reasoning");
  if (given == nullptr) return true;
  if (given->is_boolean() || given->is_string()) {
    set_reasoning(*given, chat);
    return true;
  }
  Fields inner(*given, fields.path_of("reasoning"));
  if (const auto effort = inner.text("effort")) merge(chat, thinking_values(*effort));
  if (const auto enabled = inner.flag("enabled")) set_enabled(chat, *enabled);
  read_thought_budget(inner, "max_tokens", request);
  inner.ignore({"summary", "generate_summary"});  // thoughts are told whole
  const bool told = !inner.flag("exclude").value_or(false);
  inner.pass_over_unknown();
  return told;
}

// llama-server's words, and Groq's: parsed, raw, hidden. False: thoughts are not to be told.
bool read_reasoning_format(Fields& fields, TextRequest& request) {
  static constexpr std::array<const char*, 7> kFormats{"auto",   "deepseek", "deepseek-legacy", "none",
                                                       "parsed", "raw",      "hidden"};
  const std::string format = fields.text("reasoning_format").value_or("auto");
  if (!std::ranges::contains(kFormats, format))
    fields.fail("reasoning_format",
                "must be 'auto', 'deepseek', 'deepseek-legacy', 'none', 'parsed', 'raw' or 'hidden'");
  request.thoughts_as_text = format == "none" || format == "raw" || !fields.flag("separate_reasoning").value_or(true);
  return format != "hidden";
}

}  // namespace

Json thinking_values(const std::string& effort) {
  if (effort == "none") return {{"enable_thinking", false}};
  return {{"reasoning_effort", effort}};
}

void read_thought_budget(Fields& fields, const char* key, TextRequest& request) {
  const auto budget = fields.whole(key, -1, std::numeric_limits<std::int32_t>::max());
  if (budget && *budget >= 0) request.most_thought_tokens = static_cast<std::int32_t>(*budget);
}

bool read_thinking(Fields& fields, TextRequest& request, ChatPrompt& chat) {
  if (const auto effort = fields.text("reasoning_effort")) merge(chat, thinking_values(*effort));
  if (const auto enabled = fields.flag("enable_thinking")) set_enabled(chat, *enabled);
  read_think(fields, chat);
  read_thinking_object(fields, request, chat);
  const bool told = read_reasoning(fields, request, chat);
  for (const char* key : {"thinking_budget", "thinking_budget_tokens", "reasoning_budget", "reasoning_budget_tokens"})
    read_thought_budget(fields, key, request);
  const bool shown = read_reasoning_format(fields, request);
  if (const Json* documents = fields.find("documents")) merge(chat, {{"documents", *documents}});
  if (const Json* values = fields.find("chat_template_kwargs")) {
    if (!values->is_object()) fields.fail("chat_template_kwargs", "must be an object");
    merge(chat, *values);
  }
  const bool included = fields.flag("include_reasoning").value_or(true);
  return told && shown && included;
}

}  // namespace plimsoll::api
