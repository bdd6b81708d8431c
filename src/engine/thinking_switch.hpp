// ThinkingSwitch: how a chat template is told whether the model is to think.
#pragma once
#include <optional>

#include "engine/chat_form.hpp"

namespace plimsoll::engine {

// A variable, and its two values.
struct ThinkingSwitch {
  const char* name;
  const char* on = nullptr;  // null: they are true and false
  const char* off = nullptr;
  [[nodiscard]] nlohmann::ordered_json value(bool thinks) const;
};

// The one that changes what this template writes; null: none does.
[[nodiscard]] const ThinkingSwitch* thinking_switch_of(const ChatForm& form);
// Whether it changes how the prompt ends, and so how the answer begins.
[[nodiscard]] bool changes_the_end(const ChatForm& form, const ThinkingSwitch& one);
// What these values say, under whichever name; empty: nothing.
[[nodiscard]] std::optional<bool> asked_to_think(const nlohmann::ordered_json& values);

}  // namespace plimsoll::engine
