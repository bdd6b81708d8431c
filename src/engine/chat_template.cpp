#include "engine/chat_template.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <optional>

#include <plimsoll/base/error.hpp>

#include "template_messages.hpp"

namespace plimsoll::engine {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Vocab& vocab, Token token) {
  return token == LLAMA_TOKEN_NULL ? std::string() : vocab.piece(token, true);
}

// None where the template refuses. Some fail with `tools` that are none, and were written for a renderer that leaves
// them out.
std::optional<std::string> try_render(const ChatForm& form, const Json& values, const std::stop_token& stop) {
  try {
    return form.render(values, {.stop = stop});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::usage) throw;
    return std::nullopt;
  }
}

}  // namespace

struct ChatTemplate::Impl {
  std::unique_ptr<const ChatForm> form;
  std::string bos;
  std::string eos;
  TemplateCapabilities can = capabilities_of(*form);
};

namespace {

template <class Make>
std::unique_ptr<const ChatForm> read(Make make) {
  try {
    return make();
  } catch (const Error& error) {
    throw Error(error.code(), std::string("the chat template cannot be read: ") + error.what());
  }
}

std::unique_ptr<const ChatForm> form_of(const Model& model, const std::string& chosen) {
  return read([&] { return chosen.empty() ? ChatForm::of_file(model.chat_template()) : ChatForm::chosen(chosen); });
}

}  // namespace

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ChatTemplate::ChatTemplate(const std::string& source, const std::string& bos, const std::string& eos)
    : impl_(std::make_unique<Impl>(read([&] { return ChatForm::of_jinja(source); }), bos, eos)) {}

ChatTemplate ChatTemplate::of(const Model& model, const std::string& chosen) {
  const Vocab vocab = model.vocab();
  return ChatTemplate(
      std::make_unique<Impl>(form_of(model, chosen), text_of(vocab, vocab.bos()), text_of(vocab, vocab.eos())));
}

void ChatTemplate::check(const std::string& chosen) {
  (void)read([&] { return ChatForm::chosen(chosen); });
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

const TemplateCapabilities& ChatTemplate::capabilities() const noexcept { return impl_->can; }

std::string ChatTemplate::apply(const std::vector<ChatMessage>& messages, bool add_generation_prompt, const Json& tools,
                                const Json& values, std::stop_token stop) const {
  const TemplateCapabilities& can = impl_->can;
  const bool told = can.tools && tools.is_array() && !tools.empty();
  Json given{{"messages", messages_for(messages, tools, can)},
             {"add_generation_prompt", add_generation_prompt},
             {"bos_token", impl_->bos},
             {"eos_token", impl_->eos}};
  if (told) given["tools"] = tools;
  if (wants_functions(*impl_->form)) {
    given["functions"] = told ? tools.dump(2) : "";
    given["datetime"] = fmt::format("{:%b %d %Y %H:%M:%S} GMT",
                                    std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
  }
  Json none{{"tools", nullptr}, {"documents", nullptr}};  // as transformers gives what there is none of
  if (values.is_object()) given.update(values);
  none.update(given);
  try {
    return impl_->form->render(none, {.stop = stop});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::usage) throw;
    if (none.size() > given.size()) {
      if (auto text = try_render(*impl_->form, given, stop)) return std::move(*text);
    }
    throw Error(ErrorCode::usage, std::string("the chat template refuses these messages: ") + error.what());
  }
}

}  // namespace plimsoll::engine
