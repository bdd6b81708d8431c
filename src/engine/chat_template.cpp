#include "engine/chat_template.hpp"

#include <minja/chat-template.hpp>

#include <plimsoll/base/error.hpp>

namespace plimsoll::engine {
namespace {

// What a model that carries no template of its own gets: the most widely trained form.
constexpr const char* kChatMl =
    "{%- for message in messages -%}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' "
    "}}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}";

std::string text_of(const Vocab& vocab, Token token) {
  return token == LLAMA_TOKEN_NULL ? std::string() : vocab.piece(token, true);
}

}  // namespace

struct ChatTemplate::Impl {
  minja::chat_template compiled;
};

ChatTemplate::ChatTemplate(const std::string& source, const std::string& bos, const std::string& eos) {
  try {
    impl_ = std::make_unique<Impl>(Impl{.compiled = minja::chat_template(source, bos, eos)});
  } catch (const std::exception& error) {
    throw Error(ErrorCode::usage, std::string("the chat template cannot be read: ") + error.what());
  }
}

ChatTemplate ChatTemplate::of(const Model& model) {
  const Vocab vocab = model.vocab();
  return {model.chat_template().value_or(kChatMl), text_of(vocab, vocab.bos()), text_of(vocab, vocab.eos())};
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::string ChatTemplate::apply(const std::vector<ChatMessage>& messages, bool add_generation_prompt,
                                const nlohmann::ordered_json& tools, const nlohmann::ordered_json& values) const {
  minja::chat_template_inputs inputs;
  inputs.messages = nlohmann::ordered_json::array();
  for (const ChatMessage& message : messages) {
    nlohmann::ordered_json entry{{"role", message.role}, {"content", message.content}};
    if (message.extra.is_object()) entry.update(message.extra);
    inputs.messages.push_back(std::move(entry));
  }
  inputs.tools = tools;
  inputs.extra_context = values;
  inputs.add_generation_prompt = add_generation_prompt;
  try {
    return impl_->compiled.apply(inputs);
  } catch (const std::exception& error) {
    throw Error(ErrorCode::usage, std::string("the chat template refuses these messages: ") + error.what());
  }
}

}  // namespace plimsoll::engine
