#include "infill_prompt.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/problem.hpp"

namespace plimsoll::server {
namespace {

using engine::Token;
using Tokens = std::vector<Token>;

void append(Tokens& to, const Tokens& more) { to.insert(to.end(), more.begin(), more.end()); }

void require_fim_tokens(const engine::Vocab& vocab) {
  if (fills_gaps(vocab)) return;
  std::string missing;
  if (vocab.fim_prefix() == LLAMA_TOKEN_NULL) missing += " prefix token is missing.";
  if (vocab.fim_suffix() == LLAMA_TOKEN_NULL) missing += " suffix token is missing.";
  if (vocab.fim_middle() == LLAMA_TOKEN_NULL) missing += " middle token is missing.";
  throw api::Problem(501, "unsupported", fmt::format("Infill is not supported by this model:{}", missing));
}

Tokens text_of(const engine::Vocab& vocab, const std::string& text) { return vocab.tokenize(text, false, false); }

// A file's name where the model has a token for it, else a line between the texts.
Tokens heading(const engine::Vocab& vocab, const std::string& filename) {
  if (vocab.fim_file() == LLAMA_TOKEN_NULL) return text_of(vocab, "\n\n--- snippet ---\n\n");
  Tokens out{vocab.fim_file()};
  append(out, text_of(vocab, filename + "\n"));
  return out;
}

Tokens other_files(const engine::Vocab& vocab, const std::vector<api::InfillPrompt::Extra>& extra) {
  Tokens out;
  if (vocab.fim_repository() != LLAMA_TOKEN_NULL) {
    out.push_back(vocab.fim_repository());
    append(out, text_of(vocab, "myproject\n"));
  }
  for (const api::InfillPrompt::Extra& file : extra) {
    append(out, heading(vocab, file.filename));
    append(out, text_of(vocab, file.text));
  }
  if (vocab.fim_file() != LLAMA_TOKEN_NULL) append(out, heading(vocab, "filename"));
  return out;
}

void keep_first(Tokens& tokens, std::size_t most) { tokens.resize(std::min(tokens.size(), most)); }

void keep_last(Tokens& tokens, std::size_t most) {
  if (tokens.size() > most) tokens.erase(tokens.begin(), tokens.end() - static_cast<std::ptrdiff_t>(most));
}

}  // namespace

bool fills_gaps(const engine::Vocab& vocab) {
  return vocab.present() && vocab.fim_prefix() != LLAMA_TOKEN_NULL && vocab.fim_suffix() != LLAMA_TOKEN_NULL &&
         vocab.fim_middle() != LLAMA_TOKEN_NULL;
}

std::vector<Token> infill_prompt(const engine::Vocab& vocab, const api::InfillPrompt& gap, std::size_t room,
                                 std::optional<std::int32_t> answer) {
  require_fim_tokens(vocab);
  constexpr std::size_t kMarks = 5;  // three of the gap's, the begin token, and one that must stay free
  const std::size_t quarter = room / 4;
  const std::size_t for_answer = answer ? std::min(static_cast<std::size_t>(std::max(*answer, 0)), quarter) : quarter;
  const Tokens begun = text_of(vocab, gap.prompt);
  std::size_t left = room - for_answer;
  const auto take = [&left](std::size_t count) { left -= std::min(left, count); };
  take(kMarks + begun.size());

  Tokens suffix = text_of(vocab, gap.suffix);
  keep_first(suffix, left / 4);
  take(suffix.size());
  Tokens prefix = text_of(vocab, gap.prefix);
  keep_last(prefix, left);
  take(prefix.size());
  Tokens out = other_files(vocab, gap.extra);
  keep_last(out, left);

  if (vocab.adds_bos()) out.push_back(vocab.bos());
  out.push_back(vocab.fim_prefix());
  append(out, prefix);
  append(out, begun);
  out.push_back(vocab.fim_suffix());
  append(out, suffix);
  out.push_back(vocab.fim_middle());
  return out;
}

}  // namespace plimsoll::server
