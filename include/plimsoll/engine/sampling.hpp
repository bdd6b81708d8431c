// How a token is to be chosen: declared, as SamplingParams; or by a link of one's own, a CustomSampler.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/engine/params.hpp>

struct llama_token_data_array;  // NOLINT(readability-identifier-naming): the engine's

namespace plimsoll::engine {

inline constexpr std::uint32_t kRandomSeed = 0xFFFFFFFF;  // llama.cpp's LLAMA_DEFAULT_SEED
// Tokens that are looked back on, whatever is asked for: the engine's samplers take memory for each beforehand.
inline constexpr std::int32_t kMostLookedBackOn = 1 << 20;

// Added to a token's logit; -infinity forbids it.
struct LogitBias {
  Token token = 0;
  float bias = 0;
  friend bool operator==(const LogitBias&, const LogitBias&) = default;
};

// llama.cpp's names and its default order: what forbids, what narrows, what flattens. "infill" and "adaptive_p" may be
// listed beside them. What chooses comes after all of these and is not listed.
[[nodiscard]] const std::vector<std::string>& default_samplers();

// llama.cpp's defaults and meanings.
struct SamplingParams {
  std::uint32_t seed = kRandomSeed;  // this value: a random one
  float temperature = 0.8F;          // <= 0: always the likeliest token
  std::int32_t top_k = 40;           // tokens kept; <= 0: off
  float top_p = 0.95F;               // 1: off
  float min_p = 0.05F;               // share of the likeliest; 0: off
  float typical_p = 1.0F;            // 1: off
  float top_n_sigma = -1.0F;         // standard deviations below the largest logit; <= 0: off
  std::int32_t penalty_last_n = 64;  // tokens looked back on; 0: off; -1: the model's training context
  float penalty_repeat = 1.0F;       // 1: off
  float penalty_frequency = 0.0F;    // 0: off
  float penalty_presence = 0.0F;     // 0: off
  std::string grammar{};             // GBNF; empty: none
  std::string grammar_root = "root";
  // Where one of these is given the grammar is lazy: it sleeps until the text so far matches a pattern (ECMAScript; the
  // grammar begins at the first group) or a token is chosen (the grammar begins with it).
  std::vector<std::string> grammar_trigger_patterns{};
  std::vector<Token> grammar_trigger_tokens{};

  float dynatemp_range = 0.0F;  // temperature moves by this with the entropy; 0: off
  float dynatemp_exponent = 1.0F;
  float xtc_probability = 0.0F;  // of dropping the likeliest tokens; 0: off
  float xtc_threshold = 0.1F;    // those above it; beyond 0.5: off
  float dry_multiplier = 0.0F;   // 0: off
  float dry_base = 1.75F;
  std::int32_t dry_allowed_length = 2;  // tokens that may repeat unpunished
  std::int32_t dry_last_n = -1;         // tokens looked back on; 0: off; -1: the model's training context
  std::vector<std::string> dry_sequence_breakers{"\n", ":", "\"", "*"};
  std::int32_t mirostat = 0;  // 1, 2: instead of the list below, after bias and temperature; 0: off
  float mirostat_tau = 5.0F;
  float mirostat_eta = 0.1F;
  float adaptive_target = -1.0F;  // 0 to 1: chooses near this probability; < 0: off
  float adaptive_decay = 0.9F;    // 0 to 0.99
  std::vector<LogitBias> logit_bias{};
  bool ignore_eos = false;     // forbids every token that ends a generation
  std::uint32_t min_keep = 1;  // tokens that top-p, min-p, typical and XTC leave
  std::vector<std::string> samplers = default_samplers();

  std::uint32_t least_tokens = 0;    // of an answer, before which no token ends it
  std::int32_t thought_tokens = -1;  // of a thought at most; then its end is written for the model; < 0: no limit
  std::string thought_begin{};       // how a thought is marked, with thought_tokens
  std::string thought_end{};
  bool thought_is_open = false;  // the prompt ends inside one

  friend bool operator==(const SamplingParams&, const SamplingParams&) = default;
};

// "typical", "top-p", "nucleus", "temp" ... to llama.cpp's own name; empty for a name that it does not know.
[[nodiscard]] std::string sampler_from_name(std::string_view name);

// Throws Error{usage} with a sentence for the first value that means nothing: not a number, out of its range, a sampler
// of an unknown name.
void validate(const SamplingParams& params);

// One token that may be chosen; laid out as llama.cpp has it.
struct Candidate {
  Token id = 0;
  float logit = 0;
  float p = 0;  // 0 until a link has computed probabilities
};

// The tokens that may still be chosen. A view, valid during one apply(). It can lose tokens, never gain any.
class Candidates {
 public:
  explicit Candidates(llama_token_data_array& array) : array_(array) {}

  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] bool sorted() const noexcept;  // by falling logit
  [[nodiscard]] std::span<const Candidate> view() const noexcept;
  // For changing logits or order; forgets that they were sorted and which was selected.
  [[nodiscard]] std::span<Candidate> edit() noexcept;
  void keep_first(std::size_t n);  // throws Error{usage} for none or more than there are
  void select(std::size_t index);  // the choice; throws Error{usage} outside
  [[nodiscard]] std::optional<std::size_t> selected() const noexcept;

 private:
  llama_token_data_array& array_;
};

// Called on the thread that samples: for a generation the model's decode loop, else whoever calls sample(). What it
// throws comes out of Sampler::sample(), or of the generation, as it is; the sampler's state is then that of some
// moment of the choice: reset() it.
class CustomSampler {
 public:
  virtual ~CustomSampler() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  virtual void apply(Candidates& candidates) = 0;
  virtual void accept(Token /*token*/) {}
  virtual void reset() {}
  [[nodiscard]] virtual std::unique_ptr<CustomSampler> clone() const = 0;
};

}  // namespace plimsoll::engine
