// Vocab: text to tokens and back. A view: valid as long as the model it came from.
#pragma once
#include <llama.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/engine/params.hpp>

namespace plimsoll::engine {

// Any thread.
class Vocab {
 public:
  explicit Vocab(const llama_vocab* vocab) : vocab_(vocab) {}

  [[nodiscard]] bool present() const noexcept;  // false: the model carries no tokenizer
  [[nodiscard]] std::int32_t n_tokens() const noexcept;
  [[nodiscard]] bool of_word_pieces() const noexcept;  // as BERT's

  // add_special: the model's own begin and end tokens. parse_special: "<|im_start|>" is one token, not text.
  // Throws Error{unsupported} where the model has no vocabulary.
  [[nodiscard]] std::vector<Token> tokenize(std::string_view text, bool add_special, bool parse_special) const;
  // The bytes of one token; may end inside a UTF-8 character. special: control tokens as text instead of nothing.
  [[nodiscard]] std::string piece(Token token, bool special = false) const;
  [[nodiscard]] std::string detokenize(const std::vector<Token>& tokens, bool special = false) const;

  [[nodiscard]] bool is_end_of_generation(Token token) const;
  [[nodiscard]] bool is_unknown(Token token) const;  // what stands for a text that no token says
  // A token of control is in it, which piece() shows only where it is told to.
  [[nodiscard]] bool has_control(std::string_view text) const;
  [[nodiscard]] llama_token_attr attributes(Token token) const;
  [[nodiscard]] std::string_view text(Token token) const;  // as the file has it: not what it says, see piece()
  [[nodiscard]] Token bos() const;                         // LLAMA_TOKEN_NULL where there is none; the same below
  [[nodiscard]] Token eos() const;
  [[nodiscard]] bool adds_bos() const;
  // Of models that fill gaps: before the text in front of it, before the text behind it, where the gap is filled.
  [[nodiscard]] Token fim_prefix() const;
  [[nodiscard]] Token fim_suffix() const;
  [[nodiscard]] Token fim_middle() const;
  [[nodiscard]] Token fim_repository() const;  // before a repository's name
  [[nodiscard]] Token fim_file() const;        // before a file's name
  [[nodiscard]] const llama_vocab* handle() const noexcept { return vocab_; }

 private:
  const llama_vocab* vocab_;
};

}  // namespace plimsoll::engine
