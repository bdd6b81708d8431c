#include "template_turns.hpp"

#include <string>
#include <utility>

#include "template_calls.hpp"

namespace plimsoll::engine {
namespace {

using Json = nlohmann::ordered_json;

bool is_of(const Json& entry, const char* role) { return entry["role"] == role; }

Json text_part(const std::string& text) { return {{"type", "text"}, {"text", text}}; }

std::string plain(const Json& content) {
  if (!content.is_array()) return content.is_string() ? content.get<std::string>() : "";
  std::string text;
  for (const Json& part : content) text += part.value("text", "");
  return text;
}

void prepend(Json& content, const std::string& text, const char* between) {
  if (content.is_array()) {
    content.insert(content.begin(), text_part(text + between));
  } else {
    const std::string old = plain(content);
    content = old.empty() ? text : text + between + old;
  }
}

// Parts stay parts.
void append(Json& content, const Json& more) {
  constexpr const char* kBetween = "\n\n";
  if (!content.is_array() && !more.is_array()) {
    const std::string behind = plain(more);
    if (!content.is_string()) content = "";
    auto& text = content.get_ref<std::string&>();  // in place: there may be any number of them
    if (!text.empty() && !behind.empty()) text += kBetween;
    text += behind;
    return;
  }
  if (!content.is_array()) content = Json::array({text_part(plain(content))});
  content.push_back(text_part(kBetween));
  if (!more.is_array()) return content.push_back(text_part(plain(more)));
  for (const Json& part : more) content.push_back(part);
}

// Each system message goes in front of the user's message behind it.
Json without_system(const Json& entries) {
  Json out = Json::array();
  std::string waiting;
  const auto say = [&] {
    if (!waiting.empty()) out.push_back({{"role", "user"}, {"content", std::exchange(waiting, {})}});
  };
  for (Json entry : entries) {
    if (is_of(entry, "system")) {
      waiting += (waiting.empty() ? "" : "\n") + plain(entry["content"]);
      continue;
    }
    if (is_of(entry, "user") && !waiting.empty())
      prepend(entry["content"], std::exchange(waiting, {}), "\n");
    else
      say();
    out.push_back(std::move(entry));
  }
  say();
  return out;
}

Json with_one_system_first(const Json& entries) {
  Json out = Json::array();
  for (const Json& entry : entries) {
    if (out.size() == 1 && is_of(out[0], "system") && is_of(entry, "system"))
      append(out[0]["content"], entry["content"]);
    else
      out.push_back(entry);
  }
  return out;
}

Json without_later_system(const Json& entries) {
  Json out = Json::array();
  Json behind = Json::array();
  for (const Json& entry : entries) {
    const bool is_first = behind.empty() && is_of(entry, "system");
    (is_first ? out : behind).push_back(entry);
  }
  for (Json& entry : without_system(behind)) out.push_back(std::move(entry));
  return out;
}

bool are_one(const Json& before, const Json& entry) {
  if (before["role"] != entry["role"] || has_calls(before) || has_calls(entry)) return false;
  return is_of(entry, "user") || is_of(entry, "assistant");
}

void join(Json& before, const Json& entry) {
  append(before["content"], entry["content"]);
  for (const auto& [name, value] : entry.items()) {
    if (!before.contains(name)) before[name] = value;
  }
}

// `answer` stands where an assistant has said nothing.
Json in_turns(const Json& entries, const char* answer) {
  Json out = Json::array();
  const auto stand_in = [&](const char* role, const char* text) { out.push_back({{"role", role}, {"content", text}}); };
  for (const Json& entry : entries) {
    const bool begins = out.empty() || is_of(out.back(), "system");
    if (begins && is_of(entry, "assistant"))
      stand_in("user", "");
    else if (!begins && is_of(entry, "user") && (is_of(out.back(), "tool") || has_calls(out.back())))
      stand_in("assistant", answer);
    if (!out.empty() && are_one(out.back(), entry))
      join(out.back(), entry);
    else
      out.push_back(entry);
  }
  return out;
}

}  // namespace

Json in_order(Json entries, const TemplateCapabilities& can) {
  if (!can.system) entries = without_system(entries);
  if (!can.several_system) entries = with_one_system_first(entries);
  if (!can.later_system) entries = without_later_system(entries);
  if (can.alternates) entries = in_turns(entries, can.empty_answers ? "" : ".");
  return entries;
}

}  // namespace plimsoll::engine
