// Generation: one request: a prompt in, pieces of text out.
#pragma once
#include <functional>
#include <generator>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "engine/sampler.hpp"
#include "engine/token_probability.hpp"
#include "run/batched_executor.hpp"
#include "run/context_overflow.hpp"
#include "run/speculative.hpp"
#include "run/text_stream.hpp"

namespace plimsoll::run {

struct GenerationOutput;  // run/generation_work.hpp
class GenerationWork;

inline constexpr std::int32_t kDefaultPredict = 256;

// A conversation of a smaller model, which proposes tokens; the large one checks several at once and keeps those that
// it would have chosen itself. The text is that of the large one alone; only its time differs.
struct Draft {
  Conversation* conversation = nullptr;  // laid out anew; outlives the generation, and is not used otherwise meanwhile
  SpeculationParams speculation{};
};

// What the model thought of a token before any sampler; or how likely it was behind them.
struct TokenOpinion {
  engine::TokenProbability chosen{};
  std::vector<engine::TokenProbability> likeliest{};  // falling
};

struct ReadToken {
  engine::Token token = 0;
  const TokenOpinion* opinion = nullptr;  // where GenerationParams::likeliest asks for it
};

// An answer that was broken off: its text goes on as if it had not been.
struct AnswerSoFar {
  // So many of the last ones, of the prompt or where that is empty of the conversation, are the answer's beginning.
  // They count for `predict` and stop strings, and were told before: neither they nor their text come again.
  std::size_t tokens = 0;
  std::vector<float> averages{};  // Generation::averages() behind them
};

struct GenerationParams {
  std::vector<engine::Token> prompt{};     // appended first; may be empty where the conversation has something to go on
  std::int32_t predict = kDefaultPredict;  // tokens to generate at most, the prompt's not counted; 0: only decode the
                                           // prompt; < 0: until the context is full
  engine::SamplingParams sampling{};
  // With the seed that was in use (Generation::seed()) the text is the same to the letter as far as the engine computes
  // the same from a prompt as token by token.
  AnswerSoFar answer_so_far{};
  // Used instead of `sampling`, goes on where it stood, and is moved on: for a chain of one's own, or one over several
  // turns. Not shared between generations at work.
  std::shared_ptr<engine::Sampler> sampler{};
  std::vector<std::string> stop_strings{};
  bool keep_stop_string = false;          // show it, too
  bool ignore_end_of_generation = false;  // go on past the model's own end
  bool keep_end_token = false;  // the model's own end is appended to the conversation, where a next turn sees it
  bool show_special = false;    // control tokens as text instead of nothing
  OverflowOptions overflow{};   // predict < 0 ends where the context is full, unless this makes room
  std::optional<Draft> draft{};
  std::stop_token stop{};  // honoured within one micro-batch
  // Pieces of text that may be made before next() asks for them; a reader that is slower makes the generation wait.
  // What was not read is taken back when the generation ends. Empty: 1, or 0 where taking back is costly (memory that
  // cannot forget its tail). Always 0 with a `sampler` of the caller's own and with on_token.
  std::optional<std::size_t> read_ahead{};
  // Tokens of the prompt decoded. Called on the decode loop's thread, while next() waits.
  std::function<void(std::size_t done, std::size_t of)> prompt_progress{};
  // Called on the decode loop's thread once the prompt is in memory and its logits are there, before anything is chosen
  // from them: the place to copy the conversation. Once.
  std::function<void()> prompt_decoded{};
  // Told each chosen token before its text appears, with the [n_vocab] logits that it was chosen from. They are the
  // model's own opinion, before any sampler, and valid inside the call only. Called on the decode loop's thread while
  // next() waits.
  std::function<void(engine::Token token, std::span<const float> logits)> on_token{};
  // Told each token that is read, before its text: on the thread that calls next(), and without holding the generation
  // back.
  std::function<void(const ReadToken& token)> on_read{};
  // How likely each is in the model's own opinion, for on_read, and so many of the likeliest. Empty: it is not
  // computed.
  std::optional<std::size_t> likeliest{};
  // These are how likely after the samplers, among the tokens that they left.
  bool likeliest_after_sampling = false;
  // Told each token of the prompt as the model saw it beforehand, in their order, on the thread that calls next(): of
  // those that wait to be decoded when it begins all but the first, which nothing stands before.
  std::function<void(const TokenOpinion&)> on_prompt_read{};
  // For on_prompt_read, so many of the likeliest. Empty: it is not computed. Else so many tokens of the prompt are
  // decoded at once as rows of logits were planned (plan::Request outputs), shared with whoever else is at work. Throws
  // Error{unsupported} for a model that encodes its prompt.
  std::optional<std::size_t> prompt_likeliest{};
  // For a reader of several generations: poll() has something to give. Called on the decode loop's thread with its
  // locks held: it wakes somebody, and does nothing else.
  std::function<void()> on_ready{};
};

enum class FinishReason {
  running,
  end_of_generation,  // the model ended it
  stop_string,
  length,  // `predict` tokens; or the context is full, and ending there was asked for
  cancelled,
};
[[nodiscard]] std::string_view to_string(FinishReason reason) noexcept;

struct GenerationTiming {
  double prompt_ms = 0;    // until the logits after it are there
  double generate_ms = 0;  // first sampled token to the last one
  std::int32_t prompt_tokens = 0;
  std::int32_t generated_tokens = 0;
  SpeculationCounts speculation{};
};

// One request: tokens appended to a conversation, text out. When it is over, the conversation holds the prompt and
// every token generated (the last one waits), whether it was read to its end, left early or cancelled. One thread; the
// conversation is not used otherwise meanwhile. From the first next() on, tokens are decoded and chosen on the decode
// loop's thread (run::DecodeLoop), together with those of other conversations.
class Generation {
 public:
  // On a sequence of its own, of an instance that nobody else uses; given back when it is destroyed.
  // Throws Error: context_overflow (the prompt leaves no room for a single token), usage (no prompt, a token that is
  // none, a broken grammar, an answer so far that cannot be, a draft of other tokens, or rows of logits that do not
  // suffice for one proposal), busy
  // (another executor has the instance's sequences), unsupported (a draft for memory that cannot forget its tail).
  Generation(Instance& instance, GenerationParams params);
  // Goes on with a conversation that outlives it.
  Generation(Conversation& conversation, GenerationParams params);
  // Takes it over.
  Generation(Conversation&& conversation, GenerationParams params);
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // The next piece of text, never empty; nothing at the end. Models without a vocabulary give their token ids as text,
  // "12 7 431". The first call decodes the prompt. Throws Error: engine_failed, sealed, out_of_device_memory,
  // context_overflow, usage (the grammar does not allow the answer so far).
  [[nodiscard]] std::optional<std::string> next();

  // The same for a reader of several, who waits for none: "" where no piece is there yet. Then on_ready says when to
  // come again.
  [[nodiscard]] std::optional<std::string> poll();

  // Nothing is decoded for it any more until go_on(), and its conversation may be saved and restored meanwhile, into
  // the same object: the text is what it would have been. poll() still gives what was made before. A draft is let go;
  // it goes on with another one, or with none.
  void pause();
  void go_on(const std::optional<Draft>& draft = std::nullopt);

  [[nodiscard]] FinishReason finish_reason() const noexcept { return reason_; }
  [[nodiscard]] const std::string& stop_string() const noexcept { return stop_string_; }       // that ended it, or ""
  [[nodiscard]] const std::vector<engine::Token>& tokens() const noexcept { return tokens_; }  // those generated
  // What of the sampler does not follow from seed and tokens, behind the last token that was read.
  [[nodiscard]] const std::vector<float>& averages() const noexcept { return averages_; }
  [[nodiscard]] std::uint32_t seed() const;  // in use
  [[nodiscard]] const GenerationTiming& timing() const noexcept { return timing_; }
  [[nodiscard]] Conversation& conversation() noexcept { return *conversation_; }

 private:
  friend std::generator<std::string> pieces(Generation& generation);
  friend std::string stream(Generation& generation, const std::function<bool(std::string_view piece)>& show);
  void begin(GenerationParams params);
  void take_up_answer();
  void lay_out_prompt();
  void take(GenerationOutput& output);
  [[nodiscard]] std::optional<std::string> read(bool waits);
  [[nodiscard]] std::optional<std::string> cancel();

  std::optional<Conversation> own_;
  Conversation* conversation_;
  std::unique_ptr<GenerationWork> work_;
  std::vector<engine::Token> tokens_;  // that were read
  std::vector<float> averages_;
  std::string stop_string_;
  FinishReason reason_ = FinishReason::running;
  GenerationTiming timing_;
};

// The pieces as a range that may be left early: for (const std::string& piece : pieces(generation)) ... The generation
// runs ahead of its reader, as far as read_ahead allows it at all.
[[nodiscard]] std::generator<std::string> pieces(Generation& generation);

// The same as a callback; it answers false to leave. Gives the whole text that it saw.
std::string stream(Generation& generation, const std::function<bool(std::string_view piece)>& show = {});

}  // namespace plimsoll::run
