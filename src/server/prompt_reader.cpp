#include "prompt_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "api/problem.hpp"
#include "engine/prompt_tokens.hpp"
#include "grammar/call_text.hpp"
#include "grammar/marked_form.hpp"

#include "infill_prompt.hpp"
#include "last_place.hpp"

namespace plimsoll::server {
namespace {

using engine::Token;

// Kept as a failure where it cannot be read: completions need none.
std::expected<std::shared_ptr<const ModelTemplate>, Error> template_of(const engine::Model& model,
                                                                       const std::string& chosen) {
  try {
    const std::string source = chosen.empty() ? model.chat_template().value_or("") : chosen;
    auto made = std::make_shared<ModelTemplate>(ModelTemplate{.chat = engine::ChatTemplate::of(model, chosen),
                                                              .tools = grammar::tool_form(source),
                                                              .reasoning = api::reasoning_form(source)});
    const grammar::ToolForm form = made->tools;
    if (form == grammar::ToolForm::listed) made->chat.tell_tools_in_words();  // or it would write them otherwise
    if (grammar::marked_form(form) != nullptr)
      made->chat.write_calls_with([form](const api::Json& calls) { return grammar::call_text(form, calls); });
    return made;
  } catch (const Error& error) {
    return std::unexpected(error);
  }
}

}  // namespace

PromptReader::PromptReader(std::string name, std::shared_ptr<const engine::Model> model, engine::ModelFacts facts,
                           const engine::ContextFacts& context, std::string files, std::string chosen)
    : name_(std::move(name)),
      model_(std::move(model)),
      facts_(std::move(facts)),
      context_(context),
      files_(std::move(files)),
      chosen_(std::move(chosen)),
      template_(template_of(*model_, chosen_)),
      recommended_(engine::sampling_of_file(*model_)) {}

PromptReader::PromptReader(const host::Lease& lease, std::string chosen)
    : PromptReader(lease.model(), lease.served().vocabulary(), lease.served().model_facts(),
                   lease.served().context_facts(), {}, std::move(chosen)) {}

// A preset's is read for each request: that takes a few milliseconds.
std::shared_ptr<const ModelTemplate> PromptReader::chat_template(const std::string& chosen) const {
  const auto& found = chosen.empty() || chosen == chosen_ ? template_ : template_of(*model_, chosen);
  if (!found) throw found.error();
  return *found;
}

std::string PromptReader::template_source() const {
  return chosen_.empty() ? model_->chat_template().value_or("") : chosen_;
}

namespace {

// The prompt up to the end of its last message's content, which templates may have trimmed; none: it is not there.
std::optional<engine::PromptText> cut_behind(engine::PromptText prompt, std::string_view content) {
  constexpr std::string_view kBlank = " \t\r\n";
  for (const bool trimmed : {false, true}) {
    if (trimmed) {
      content.remove_prefix(std::min(content.find_first_not_of(kBlank), content.size()));
      content = content.substr(0, content.find_last_not_of(kBlank) + 1);
    }
    const std::size_t at = last_place(prompt.text, content);
    if (at == std::string::npos) continue;
    prompt.cut(at + content.size());
    return prompt;
  }
  return std::nullopt;
}

}  // namespace

engine::PromptText PromptReader::text_of(const api::ChatPrompt& chat, const std::string& chosen,
                                         std::stop_token stop) const {
  const std::shared_ptr<const ModelTemplate> own = chat_template(chosen);
  const engine::ChatTemplate& form = own->chat;
  const auto written = [&](const std::vector<engine::ChatMessage>& messages, bool new_turn) {
    return form.apply(messages, new_turn, chat.tools, chat.template_values, stop);
  };
  if (!chat.goes_on) return written(chat.messages, chat.add_generation_prompt);
  const std::string& content = chat.messages.back().content;
  if (auto cut = cut_behind(written(chat.messages, false), content)) return std::move(*cut);
  engine::PromptText before = written({chat.messages.begin(), chat.messages.end() - 1}, true);
  before.append_input(content);
  return before;
}

namespace {

// The template begins a thought, or what the answer goes on with has begun one and not ended it.
bool begins_in_a_thought(const std::string& prompt, const std::string& gone_on_with, const api::ReasoningForm& form) {
  api::ReasoningReader begun(form, false);
  (void)begun.push(gone_on_with);
  return begun.inside() || api::ends_in_a_thought(prompt, form);
}

}  // namespace

ReadPrompts PromptReader::read(const api::TextRequest& request, const std::string& chosen, std::stop_token stop) const {
  ReadPrompts out;
  if (const auto* chat = std::get_if<api::ChatPrompt>(&request.prompt)) {
    out.chat = chat_template(chosen);
    const engine::PromptText text = text_of(*chat, chosen, std::move(stop));
    if (chat->goes_on) out.gone_on_with = chat->messages.back().content;
    out.begins_in_a_thought =
        out.chat->reasoning && begins_in_a_thought(text.text, out.gone_on_with, *out.chat->reasoning);
    require_tokens(chat->before);
    if (has_media(request.media))
      add_pieces(out, chat->before, text, request.media);
    else
      out.prompts.push_back(tokens_behind(chat->before, text));
    if (out.prompts.back().empty() && out.pieces.empty())
      throw api::bad_request("the chat template makes an empty prompt of these messages").at("messages");
  } else if (const auto* gap = std::get_if<api::InfillPrompt>(&request.prompt)) {
    out.prompts.push_back(infill_prompt(vocab(), *gap, context_.n_ctx_seq, request.most_tokens));
  } else if (has_media(request.media)) {
    const auto& prompts = std::get<std::vector<api::RawPrompt>>(request.prompt);
    add_pieces(out, {}, jinja::own_text(std::get<std::string>(prompts.front())), request.media);
  } else {
    for (const api::RawPrompt& prompt : std::get<std::vector<api::RawPrompt>>(request.prompt)) {
      out.prompts.push_back(std::visit([this](const auto& one) { return tokens_of(one); }, prompt));
      require_tokens(out.prompts.back());
      // An empty text is answered with nothing where the model has no token to begin with.
      if (out.prompts.back().empty() && !std::holds_alternative<std::string>(prompt))
        throw api::bad_request("a prompt of tokens has at least one").at("prompt");
    }
  }
  return out;
}

// What a template leaves out is not left out in silence.
void PromptReader::add_pieces(ReadPrompts& out, std::vector<Token> before, const engine::PromptText& text,
                              const api::MediaList& media) const {
  std::vector<bool> is_there(media.all().size());
  bool is_first = true;
  std::vector<Token>& text_tokens = out.prompts.emplace_back();
  for (const engine::MediaMarks::Part& part : media.marks().parts_of(text)) {
    std::vector<Token> tokens = std::exchange(is_first, false) ? tokens_behind(std::move(before), part.text)
                                                               : engine::prompt_tokens(*model_, part.text, false);
    text_tokens.insert(text_tokens.end(), tokens.begin(), tokens.end());
    if (!tokens.empty()) out.pieces.push_back({.tokens = std::move(tokens)});
    if (!part.medium) continue;
    out.pieces.push_back({.medium = part.medium});
    is_there[*part.medium] = true;
  }
  for (std::size_t i = 0; i < is_there.size(); ++i) {
    const api::Medium& medium = media.all()[i];
    if (!is_there[i] && !medium.is_left_out)
      throw api::bad_request(fmt::format("the chat template of '{}' has no place for '{}'", name_, medium.path))
          .at(medium.path);
  }
}

std::vector<Token> PromptReader::tokens_of(const std::string& text) const {
  return engine::prompt_tokens(*model_, text);
}

std::vector<Token> PromptReader::tokens_of(const api::MixedPrompt& parts) const {
  std::vector<Token> out;
  for (const auto& part : parts) {
    if (!part.text.empty()) {
      const bool first = &part == &parts.front();  // the model's begin token stands before it alone
      const std::vector<Token> more = first ? tokens_of(part.text) : vocab().tokenize(part.text, false, true);
      out.insert(out.end(), more.begin(), more.end());
    }
    out.insert(out.end(), part.tokens.begin(), part.tokens.end());
  }
  return out;
}

// A begin token that the template writes stands there already.
std::vector<Token> PromptReader::tokens_behind(std::vector<Token> before, const engine::PromptText& text) const {
  const std::vector<Token> more = engine::prompt_tokens(*model_, text, before.empty());
  const bool begins_again = !before.empty() && !more.empty() && more.front() == vocab().bos();
  before.insert(before.end(), more.begin() + (begins_again ? 1 : 0), more.end());
  return before;
}

void PromptReader::require_tokens(const std::vector<Token>& tokens) const {
  const std::int32_t n_vocab = vocab().n_tokens();
  for (const Token token : tokens) {
    if (token < 0 || token >= n_vocab)
      throw Error(ErrorCode::usage, fmt::format("there is no token {}; '{}' has {}", token, name_, n_vocab));
  }
}

void PromptReader::require_capacity(const std::vector<Token>& prompt, std::size_t most) const {
  // Anthropic's clients look for the first sentence, llama-server's for the second, OpenAI's for the third.
  const auto refuse = [&](std::size_t maximum, const std::string& why, std::size_t needed, std::size_t available) {
    throw Error(ErrorCode::context_overflow,
                fmt::format("prompt is too long: {} tokens > {} maximum. It exceeds the available context size. {}",
                            prompt.size(), maximum, why),
                {{"needed", needed}, {"available", available}, {"prompt", prompt.size()}});
  };
  if (most > 0 && prompt.size() > most)
    refuse(most, fmt::format("Prompts for '{}' have {} tokens at most here", name_, most), prompt.size(), most);
  const std::size_t held = context_.n_ctx_seq;
  if (prompt.size() < held || facts_.has_encoder) return;
  const std::string divided =
      context_.n_ctx > held ? fmt::format("; {} are divided among {}", context_.n_ctx, context_.n_ctx / held) : "";
  refuse(held - 1,
         fmt::format("This model's maximum context length is {} tokens (a sequence of '{}' holds them{}), and one must "
                     "stay free",
                     held, name_, divided),
         prompt.size() + 1, held);
}

}  // namespace plimsoll::server
