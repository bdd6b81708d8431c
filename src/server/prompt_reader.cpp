#include "prompt_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include "api/problem.hpp"
#include "run/open.hpp"

#include "infill_prompt.hpp"

namespace plimsoll::server {
namespace {

using engine::Token;

// Kept as a failure where it cannot be read: completions need none.
std::expected<std::shared_ptr<const ModelTemplate>, Error> template_of(const engine::Model& model) {
  try {
    const std::string source = model.chat_template().value_or("");
    return std::make_shared<const ModelTemplate>(ModelTemplate{.chat = engine::ChatTemplate::of(model),
                                                               .tools = grammar::tool_form(source),
                                                               .reasoning = api::reasoning_form(source)});
  } catch (const Error& error) {
    return std::unexpected(error);
  }
}

}  // namespace

PromptReader::PromptReader(std::string name, std::shared_ptr<const engine::Model> model, engine::ModelFacts facts,
                           const engine::ContextFacts& context, std::string files)
    : name_(std::move(name)),
      model_(std::move(model)),
      facts_(std::move(facts)),
      context_(context),
      files_(std::move(files)),
      template_(template_of(*model_)) {}

PromptReader::PromptReader(const host::Lease& lease)
    : PromptReader(lease.model(), lease.instance().model(), lease.instance().model()->facts(),
                   lease.instance().context().facts()) {}

const std::shared_ptr<const ModelTemplate>& PromptReader::chat_template() const {
  if (!template_) throw template_.error();
  return *template_;
}

ReadPrompts PromptReader::read(const api::TextRequest& request) const {
  ReadPrompts out;
  if (const auto* chat = std::get_if<api::ChatPrompt>(&request.prompt)) {
    out.chat = chat_template();
    const std::string text = out.chat->chat.apply(chat->messages, true, chat->tools, chat->template_values);
    out.begins_in_a_thought = out.chat->reasoning && api::ends_in_a_thought(text, *out.chat->reasoning);
    out.prompts.push_back(tokens_behind(chat->before, text));
    require_tokens(chat->before);
  } else if (const auto* gap = std::get_if<api::InfillPrompt>(&request.prompt)) {
    out.prompts.push_back(infill_prompt(vocab(), *gap, context_.n_ctx_seq, request.most_tokens));
  } else {
    for (const api::RawPrompt& prompt : std::get<std::vector<api::RawPrompt>>(request.prompt)) {
      out.prompts.push_back(std::visit([this](const auto& one) { return tokens_of(one); }, prompt));
      require_tokens(out.prompts.back());
    }
  }
  if (std::ranges::any_of(out.prompts, &std::vector<Token>::empty))
    throw api::bad_request("the prompt is empty, and the model has no token to begin with").at("prompt");
  return out;
}

std::vector<Token> PromptReader::tokens_of(const std::string& text) const {
  return run::tokenize_prompt(*model_, text);
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

std::vector<Token> PromptReader::tokens_behind(std::vector<Token> before, const std::string& text) const {
  if (before.empty()) return tokens_of(text);
  const std::vector<Token> more = vocab().tokenize(text, false, true);
  before.insert(before.end(), more.begin(), more.end());
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
  if (most > 0 && prompt.size() > most) {
    throw Error(ErrorCode::context_overflow,
                fmt::format("the prompt is {} tokens long, and this server takes {} at most", prompt.size(), most),
                {{"needed", prompt.size()}, {"available", most}});
  }
  const std::size_t needed = prompt.size() + 1;
  if (needed > context_.n_ctx_seq && !facts_.has_encoder) {
    throw Error(
        ErrorCode::context_overflow,
        fmt::format("the prompt is {} tokens long, and a sequence of '{}' holds {} (one of them must stay free)",
                    prompt.size(), name_, context_.n_ctx_seq),
        {{"needed", needed}, {"available", context_.n_ctx_seq}});
  }
}

}  // namespace plimsoll::server
