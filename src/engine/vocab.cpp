#include "engine/vocab.hpp"

#include <algorithm>
#include <limits>

#include <plimsoll/base/error.hpp>

namespace plimsoll::engine {

bool Vocab::present() const noexcept { return llama_vocab_type(vocab_) != LLAMA_VOCAB_TYPE_NONE; }

bool Vocab::of_word_pieces() const noexcept { return llama_vocab_type(vocab_) == LLAMA_VOCAB_TYPE_WPM; }

std::int32_t Vocab::n_tokens() const noexcept { return llama_vocab_n_tokens(vocab_); }

std::vector<Token> Vocab::tokenize(std::string_view text, bool add_special, bool parse_special) const {
  if (!present()) {
    throw Error(ErrorCode::unsupported, "this model carries no vocabulary, so it takes token ids, not text");
  }
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) / 2) {
    throw Error(ErrorCode::usage, "a text of more than 1 GiB cannot be tokenized");
  }
  const auto length = static_cast<std::int32_t>(text.size());
  std::vector<Token> tokens(text.size() + 2);
  std::int32_t count = llama_tokenize(vocab_, text.data(), length, tokens.data(),
                                      static_cast<std::int32_t>(tokens.size()), add_special, parse_special);
  if (count < 0) {
    tokens.resize(static_cast<std::size_t>(-count));
    count = llama_tokenize(vocab_, text.data(), length, tokens.data(), -count, add_special, parse_special);
  }
  if (count < 0) throw Error(ErrorCode::engine_failed, "the engine could not tokenize this text");
  tokens.resize(static_cast<std::size_t>(count));
  return tokens;
}

std::string Vocab::piece(Token token, bool special) const {
  if (!present() || token < 0 || token >= n_tokens()) return {};
  std::string text(32, '\0');
  std::int32_t length =
      llama_token_to_piece(vocab_, token, text.data(), static_cast<std::int32_t>(text.size()), 0, special);
  if (length < 0) {
    text.resize(static_cast<std::size_t>(-length));
    length = llama_token_to_piece(vocab_, token, text.data(), -length, 0, special);
  }
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::string Vocab::detokenize(const std::vector<Token>& tokens, bool special) const {
  std::string text;
  for (const Token token : tokens) text += piece(token, special);
  return text;
}

bool Vocab::is_end_of_generation(Token token) const { return llama_vocab_is_eog(vocab_, token); }
bool Vocab::is_unknown(Token token) const {
  return (static_cast<unsigned>(attributes(token)) & LLAMA_TOKEN_ATTR_UNKNOWN) != 0;
}
bool Vocab::has_control(std::string_view text) const {
  return std::ranges::any_of(tokenize(text, false, true), [&](Token token) {
    return (static_cast<unsigned>(attributes(token)) & LLAMA_TOKEN_ATTR_CONTROL) != 0;
  });
}
llama_token_attr Vocab::attributes(Token token) const { return llama_vocab_get_attr(vocab_, token); }
std::string_view Vocab::text(Token token) const {
  const char* text = llama_vocab_get_text(vocab_, token);
  return text == nullptr ? std::string_view() : std::string_view(text);
}
Token Vocab::bos() const { return llama_vocab_bos(vocab_); }
Token Vocab::eos() const { return llama_vocab_eos(vocab_); }
bool Vocab::adds_bos() const { return llama_vocab_get_add_bos(vocab_); }
Token Vocab::fim_prefix() const { return llama_vocab_fim_pre(vocab_); }
Token Vocab::fim_suffix() const { return llama_vocab_fim_suf(vocab_); }
Token Vocab::fim_middle() const { return llama_vocab_fim_mid(vocab_); }
Token Vocab::fim_repository() const { return llama_vocab_fim_rep(vocab_); }
Token Vocab::fim_file() const { return llama_vocab_fim_sep(vocab_); }

}  // namespace plimsoll::engine
