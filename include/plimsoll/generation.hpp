// Generation: one answer on its way: a range of pieces of text.
#pragma once
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/engine/params.hpp>
#include <plimsoll/engine/sampling.hpp>

namespace plimsoll {

using engine::CustomSampler;
using engine::SamplingParams;
using engine::Token;

class Sampler;

// What to do where the context is full and the answer is not at its end.
enum class ContextOverflow {
  fail,       // throw Error{context_overflow}
  stop,       // end with FinishReason::length
  shift,      // forget some, move the rest up in memory; where the model's memory cannot do that, as reprefill
  reprefill,  // forget some, decode the rest again: slower, and as if the forgotten had never been
};

struct GenerationOptions {
  std::int32_t predict = 256;  // tokens at most; < 0: until the context is full
  SamplingParams sampling{};
  // Used instead of `sampling`, and goes on where it stood. Not shared between generations at work; of a model with the
  // same vocabulary, else Error{usage}.
  std::shared_ptr<Sampler> sampler{};
  // Links of one's own among those of `sampling`, for this answer alone; not beside a `sampler`, else Error{usage}.
  // `first_link` sees every token as the model gave it; `last_link` sees what the others left, in front of what
  // chooses. The token that one of them selects is the choice. They are told the prompt's tokens, too. Not shared
  // between generations at work.
  std::shared_ptr<CustomSampler> first_link{};
  std::shared_ptr<CustomSampler> last_link{};
  std::vector<std::string> stop_strings{};
  bool keep_stop_string = false;          // show it, too
  bool ignore_end_of_generation = false;  // go on past the model's own end
  bool show_special = false;              // control tokens as text instead of nothing
  ContextOverflow overflow = ContextOverflow::fail;
  std::size_t overflow_keep = 0;        // tokens at the beginning that are never forgotten
  double overflow_discard_share = 0.5;  // of the others, those forgotten at a time
  std::stop_token stop{};               // ends it with FinishReason::cancelled, within one micro-batch
  // The next two are called on the model's decode loop, while next() waits: they must be quick, and use neither the
  // generation nor anything else that decodes on this model (which throws Error{usage}, or waits for ever).
  std::function<void(std::size_t done, std::size_t of)> prompt_progress{};  // tokens of the prompt decoded
  // Told each chosen token before its text appears, with the [n_vocab] logits that it was chosen from: the model's own
  // opinion, before any sampler; valid inside the call only.
  std::function<void(Token token, std::span<const float> logits)> on_token{};
};

enum class FinishReason { running, end_of_generation, stop_string, length, cancelled };
[[nodiscard]] std::string_view to_string(FinishReason reason) noexcept;  // "stop_string"

struct GenerationTiming {
  double prompt_ms = 0;
  double generate_ms = 0;  // first sampled token to the last one
  std::int32_t prompt_tokens = 0;
  std::int32_t generated_tokens = 0;
  std::int32_t draft_tokens = 0;     // proposed by the model's draft
  std::int32_t accepted_tokens = 0;  // of those
};

// Read it to its end, or leave it: what was generated stays in the conversation either way. It holds what it needs, so
// model, conversation and chat may go before it. Move-only; one thread; moved from, it throws Error{usage}.
class Generation {
 public:
  Generation(Generation&&) noexcept;
  Generation& operator=(Generation&&) noexcept;
  ~Generation();

  // The next piece of text, never empty; nothing at the end. The first call decodes the prompt. Throws Error:
  // engine_failed, sealed, out_of_device_memory, context_overflow.
  [[nodiscard]] std::optional<std::string> next();
  [[nodiscard]] std::string read_all();  // the rest of it

  [[nodiscard]] FinishReason finish_reason() const;
  [[nodiscard]] GenerationTiming timing() const;
  [[nodiscard]] std::vector<Token> tokens() const;       // those generated
  [[nodiscard]] const std::string& stop_string() const;  // that ended it, or ""

  // for (const std::string& piece : generation) ...: reads as it goes, once.
  class Iterator {
   public:
    using value_type = std::string;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(Generation& generation) : generation_(&generation), piece_(generation.next()) {}
    [[nodiscard]] const std::string& operator*() const { return *piece_; }
    Iterator& operator++() {
      piece_ = generation_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& at, std::default_sentinel_t) { return !at.piece_; }

   private:
    Generation* generation_;
    std::optional<std::string> piece_;
  };
  [[nodiscard]] Iterator begin() { return Iterator(*this); }
  [[nodiscard]] static std::default_sentinel_t end() noexcept { return {}; }

  struct Impl;  // src/library/generation_impl.hpp
  explicit Generation(std::unique_ptr<Impl> impl) noexcept;

 private:
  [[nodiscard]] Impl& impl() const;
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll
