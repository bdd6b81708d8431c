#include "engine/chat_template.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <optional>
#include <utility>

#include <plimsoll/base/error.hpp>

#include "template_messages.hpp"
#include "thinking_switch.hpp"

namespace plimsoll::engine {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Vocab& vocab, Token token) {
  return token == LLAMA_TOKEN_NULL ? std::string() : vocab.piece(token, true);
}

bool is_word(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return c == '_' || c == '-' || std::isalpha(static_cast<unsigned char>(c)) != 0; });
}

bool is_the_templates(std::string_view member, std::string_view text) { return member == "role" && is_word(text); }

jinja::RenderOptions options_for(const Json& asked_values, const std::stop_token& stop) {
  jinja::RenderOptions options{.owns = is_the_templates, .stop = stop};
  for (const char* name : {"bos_token", "eos_token"}) {
    if (!asked_values.is_object() || !asked_values.contains(name)) options.own_variables.emplace_back(name);
  }
  return options;
}

// What templates call it, and the value that keeps the thoughts of earlier turns.
constexpr std::pair<const char*, bool> kKeepsThoughts[] = {{"preserve_thinking", true},
                                                           {"clear_thinking", false},
                                                           {"keep_past_thinking", true},
                                                           {"truncate_history_thinking", false}};

// Asked for under one of these names, it is said under the template's own.
void pass_on_kept_thoughts(const ChatForm& form, Json& values) {
  std::optional<bool> keeps;
  for (const auto& [name, keeping] : kKeepsThoughts) {
    if (values.contains(name) && values[name].is_boolean()) keeps = values[name].get<bool>() == keeping;
  }
  for (const auto& [name, keeping] : kKeepsThoughts) {
    if (keeps && form.mentions(name) && !values.contains(name)) values[name] = *keeps == keeping;
  }
}

// Whether the model is to think, asked for under any name, is said under the template's own. "auto": it is where that
// decides how answers begin, and else the template does as it does.
void pass_on_thinking(const ThinkingSwitch* own, bool decides_the_end, Json& values) {
  if (values.contains("enable_thinking") && values["enable_thinking"] == "auto") {
    values.erase("enable_thinking");
    if (decides_the_end && !asked_to_think(values)) values["enable_thinking"] = true;
  }
  if (own == nullptr || values.contains(own->name)) return;
  if (const auto thinks = asked_to_think(values)) values[own->name] = own->value(*thinks);
}

// None where the template refuses. Some fail where `tools` is none, and were written for a renderer that leaves it out.
std::optional<PromptText> try_render(const ChatForm& form, const Json& values, const jinja::RenderOptions& options) {
  try {
    return form.render(values, options);
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
  TemplateCapabilities uses = can;
  const ThinkingSwitch* thinking_switch = thinking_switch_of(*form);
  bool thinking_decides_the_end = thinking_switch != nullptr && changes_the_end(*form, *thinking_switch);
  CallWriter writer{};
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

void ChatTemplate::tell_tools_in_words() noexcept {
  impl_->uses.tools = impl_->uses.tool_calls = impl_->uses.tool_results = false;
}

void ChatTemplate::write_calls_with(CallWriter writer) { impl_->writer = std::move(writer); }

PromptText ChatTemplate::apply(const std::vector<ChatMessage>& messages, bool add_generation_prompt, const Json& tools,
                               const Json& values, std::stop_token stop) const {
  const TemplateCapabilities& can = impl_->uses;
  const bool told = can.tools && tools.is_array() && !tools.empty();
  Json given{{"messages", messages_for(messages, tools, can, impl_->writer)},
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
  pass_on_kept_thoughts(*impl_->form, given);
  pass_on_thinking(impl_->thinking_switch, impl_->thinking_decides_the_end, given);
  none.update(given);
  const jinja::RenderOptions options = options_for(values, stop);
  try {
    return impl_->form->render(none, options);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::usage) throw;
    if (none.size() > given.size()) {
      if (auto text = try_render(*impl_->form, given, options)) return std::move(*text);
    }
    throw Error(ErrorCode::usage, std::string("the chat template refuses these messages: ") + error.what());
  }
}

}  // namespace plimsoll::engine
