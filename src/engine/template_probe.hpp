// TemplateProbe: small conversations, rendered to see what a chat template makes of them.
#pragma once
#include <string>
#include <string_view>

#include <plimsoll/base/error.hpp>

#include "engine/template_capabilities.hpp"

namespace plimsoll::engine {

class TemplateProbe {
 public:
  using Json = nlohmann::ordered_json;
  explicit TemplateProbe(const ChatForm& form) : form_(form) {}

  // What comes; empty where the template refuses.
  [[nodiscard]] std::string text(Json messages, const Json& further = Json::object()) const {
    Json values{
        {"messages", std::move(messages)}, {"add_generation_prompt", false}, {"bos_token", ""}, {"eos_token", ""}};
    if (wants_functions(form_)) values.update({{"functions", ""}, {"datetime", ""}});
    values.update(further);
    try {
      return form_.render(values, {.limits = {.steps = kMostSteps}}).text;
    } catch (const Error&) {
      return {};
    }
  }
  [[nodiscard]] bool shows(std::string_view needle, Json messages, const Json& further = Json::object()) const {
    return text(std::move(messages), further).contains(needle);
  }

 private:
  static constexpr std::size_t kMostSteps = 300'000;  // a hundred times what the largest known template takes
  const ChatForm& form_;
};

}  // namespace plimsoll::engine
