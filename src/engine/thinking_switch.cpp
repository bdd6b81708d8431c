#include "thinking_switch.hpp"

#include <algorithm>
#include <functional>

#include "template_probe.hpp"

namespace plimsoll::engine {
namespace {

using Json = nlohmann::ordered_json;

// Those that templates are known to have, the most usual one first.
constexpr ThinkingSwitch kSwitches[] = {{.name = "enable_thinking"},
                                        {.name = "thinking"},
                                        {.name = "reasoning"},
                                        {.name = "enable_reasoning"},
                                        {.name = "thinking_mode", .on = "thinking", .off = "chat"},
                                        {.name = "thinking_mode", .on = "on", .off = "off"},
                                        {.name = "thinking_option", .on = "on", .off = "off"}};

constexpr std::size_t kEnd = 8;  // bytes; marks of thoughts end within them

std::string end_of(const std::string& text) { return text.substr(text.size() - std::min(text.size(), kEnd)); }

// `part`: of a prompt that asks for an answer.
template <class Part>
bool changes(const ChatForm& form, const ThinkingSwitch& one, Part part) {
  const TemplateProbe probe(form);
  const auto differs = [&](const Json& content) {
    const Json messages = Json::array({{{"role", "user"}, {"content", content}}});
    const auto thinking = [&](bool on) {
      return part(probe.text(messages, {{one.name, one.value(on)}, {"add_generation_prompt", true}}));
    };
    return thinking(true) != thinking(false);
  };
  return differs("Yes?") || differs(Json::array({{{"type", "text"}, {"text", "Yes?"}}}));
}

}  // namespace

Json ThinkingSwitch::value(bool thinks) const {
  if (on == nullptr) return thinks;
  return thinks ? on : off;
}

const ThinkingSwitch* thinking_switch_of(const ChatForm& form) {
  const auto* const found = std::ranges::find_if(kSwitches, [&](const ThinkingSwitch& one) {
    return form.mentions(one.name) && changes(form, one, std::identity());
  });
  return found == std::ranges::end(kSwitches) ? nullptr : found;
}

bool changes_the_end(const ChatForm& form, const ThinkingSwitch& one) { return changes(form, one, end_of); }

std::optional<bool> asked_to_think(const Json& values) {
  for (const ThinkingSwitch& one : kSwitches) {
    const auto given = values.find(one.name);
    if (given == values.end()) continue;
    for (const bool thinks : {true, false}) {
      if (*given == one.value(thinks)) return thinks;
    }
  }
  return std::nullopt;
}

}  // namespace plimsoll::engine
