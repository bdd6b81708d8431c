#include "prompt_reading.hpp"

#include <algorithm>

#include <plimsoll/api/problem.hpp>
#include <plimsoll/run/open.hpp>

namespace plimsoll::server {

ReadPrompts read_prompts(const host::Lease& lease, Templates& templates, const api::TextRequest& request) {
  using engine::Token;
  const std::shared_ptr<engine::Model>& model = lease.instance().model();
  ReadPrompts out;
  if (const auto* chat = std::get_if<api::ChatPrompt>(&request.prompt)) {
    out.chat = templates.of(lease.model(), model);
    const std::string text = out.chat->chat.apply(chat->messages, true, chat->tools, chat->template_values);
    out.begins_in_a_thought = out.chat->reasoning && api::ends_in_a_thought(text, *out.chat->reasoning);
    out.prompts.push_back(run::tokenize_prompt(*model, text));
  } else {
    for (const api::RawPrompt& prompt : std::get<std::vector<api::RawPrompt>>(request.prompt)) {
      const auto* text = std::get_if<std::string>(&prompt);
      out.prompts.push_back(text != nullptr ? run::tokenize_prompt(*model, *text)
                                            : std::get<std::vector<Token>>(prompt));
    }
  }
  if (std::ranges::any_of(out.prompts, &std::vector<Token>::empty))
    throw api::bad_request("the prompt is empty, and the model has no token to begin with").at("prompt");
  return out;
}

}  // namespace plimsoll::server
