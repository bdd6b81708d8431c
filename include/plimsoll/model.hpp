// Model: a model that is ready: planned, loaded, warmed up and sealed. Whoever has one can generate with it.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/conversation.hpp>
#include <plimsoll/engine/params.hpp>
#include <plimsoll/generation.hpp>
#include <plimsoll/memory/entry.hpp>
#include <plimsoll/plan.hpp>
#include <plimsoll/plan/entry.hpp>

namespace plimsoll {

using memory::SealCounts;

// A small model of the same vocabulary that proposes tokens, several of which the large one checks at once. The text is
// that of the large one alone.
struct DraftOptions {
  std::filesystem::path path{};
  std::size_t most = 8;            // tokens proposed at a time
  float least_probability = 0.5F;  // proposals end with the first token that the draft gives less
};

enum class WarmUp {
  automatic,  // every shape, in short where this machine has done it before
  full,
  quick,  // the smallest and the largest shapes only
  none,   // the first requests are slower, and what they take was only planned
};

struct ModelOptions {
  // Who holds the bytes in the ledger; no other model that is open may have it. Empty: the file's name without its
  // ending, with a number behind it where that is taken.
  std::string name{};
  engine::ModelParams model{};  // its path is replaced by the one given
  engine::ContextParams context{};
  std::vector<engine::AdapterParams> adapters{};
  engine::ControlVectorParams control_vector{};
  engine::ProjectorParams projector{};
  std::optional<DraftOptions> draft{};
  WarmUp warm_up = WarmUp::automatic;
  // What the backend takes for itself on a device (by ggml's name), where that is known better than planned.
  std::vector<std::pair<std::string, Bytes>> runtime{};
  std::function<void(float share)> load_progress{};  // 0 to 1; what it throws ends the load, and arrives as it is
  std::stop_token stop{};                            // ends loading or warming up with Error{cancelled}
};

// A further context on a model's weights: its KV cache, its buffers and its conversations are its own.
struct ContextOptions {
  std::string name{};  // as ModelOptions::name; empty: the model's, with a number behind it
  engine::ContextParams context{};
  WarmUp warm_up = WarmUp::automatic;
  std::stop_token stop{};  // ends warming up with Error{cancelled}
};

// What a model and its context are.
struct ModelInfo {
  std::string architecture;
  std::string description;  // "llama 8B Q4_K - Medium"
  std::uint64_t n_params = 0;
  std::int32_t n_layer = 0;
  std::int32_t n_vocab = 0;
  std::int32_t n_embd_inp = 0;  // numbers of a vector that stands in a token's place
  std::uint32_t n_ctx_train = 0;
  std::uint32_t n_ctx = 0;      // tokens of all sequences together
  std::uint32_t n_ctx_seq = 0;  // tokens of one
  std::uint32_t n_seq_max = 0;  // conversations at a time
  std::int32_t sound_rate = 0;  // Hz of the sounds that its projector hears; 0: none
  bool has_vocabulary = false;
};

// What a conversation or a stateless request does where every sequence of the model is taken.
struct WaitOptions {
  std::chrono::milliseconds patience{0};  // 0: throws Error{busy} at once
  std::stop_token stop{};
};

// A handle: copies are the same model, which is unloaded when the last handle, conversation, generation and chat of it
// has gone. Any thread; what its context computes is computed on one thread, its decode loop, for which calls wait. A
// handle that was moved from throws Error{usage}.
class Model {
 public:
  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] ModelInfo info() const;

  // A request that knows nothing of any other, on a sequence of its own. The prompt is read with the model's begin
  // token and its special tokens. Throws Error: busy (see WaitOptions), context_overflow, usage.
  [[nodiscard]] Generation generate(std::string_view prompt, GenerationOptions options = {},
                                    WaitOptions wait = {}) const;
  [[nodiscard]] Generation generate(std::span<const Token> prompt, GenerationOptions options = {},
                                    WaitOptions wait = {}) const;
  // An empty conversation, on a sequence that it keeps. Throws Error{busy}.
  [[nodiscard]] Conversation conversation(WaitOptions wait = {}) const;
  // One that was saved, by this model or another one of the same file. Throws Error: busy, usage (another model,
  // another kind of cache; damaged), io.
  [[nodiscard]] Conversation load_conversation(const std::filesystem::path& path, WaitOptions wait = {}) const;
  // Decodes one batch of what waits in all of its conversations together, and returns when that is done: for a program
  // that drives many conversations from one thread.
  void infer(std::stop_token stop = {}) const;

  [[nodiscard]] std::vector<Token> tokenize(std::string_view text, bool with_begin_token = true) const;
  // control_tokens: as text ("<|im_end|>") instead of nothing.
  [[nodiscard]] std::string text_of(std::span<const Token> tokens, bool control_tokens = false) const;
  [[nodiscard]] bool ends_generation(Token token) const;
  // What stands for a picture or a sound in the text of a prompt. Throws Error{usage} where no projector was planned.
  [[nodiscard]] std::string media_marker() const;
  [[nodiscard]] Media media_from_file(const std::filesystem::path& path) const;

  // A model with the weights of this one and a context of its own: only that context is planned, reserved and taken,
  // under a name of its own. The weights stay while one of the two is held. The two compute in turns. Without adapters,
  // control vector, projector and draft. Throws as Runtime::open(). Several at once: see Runtime.
  [[nodiscard]] Model open_context(const ContextOptions& options = {}) const;
  // What that would take beside what is held already; nothing is taken.
  [[nodiscard]] Plan plan_context(const ContextOptions& options = {}) const;

  // How much of each planned adapter is in the answers from now on, in the plan's order; 0: nothing. Throws
  // Error{usage} for another number of scales.
  void set_adapter_scales(std::span<const float> scales) const;

  [[nodiscard]] std::vector<plan::Entry> planned() const;
  [[nodiscard]] std::vector<plan::Entry> taken() const;  // by the same entries, as the ledger has them now
  [[nodiscard]] SealCounts seal_counts() const;
  // What this process holds beyond the moment of readiness.
  [[nodiscard]] Bytes growth_after_ready() const;

  struct State;  // src/library/model_state.hpp
  explicit Model(std::shared_ptr<State> state) : state_(std::move(state)) {}
  [[nodiscard]] const std::shared_ptr<State>& state() const;

 private:
  std::shared_ptr<State> state_;
};

// The tokenizer of a model file, read without its weights: no device is asked for anything. A handle: copies are the
// same. Any thread.
class Vocabulary {
 public:
  // Throws Error{model_unusable}: there is no such file, it is damaged, or has no tokenizer.
  explicit Vocabulary(const std::filesystem::path& path);

  [[nodiscard]] std::int32_t size() const;
  // As Model has them.
  [[nodiscard]] std::vector<Token> tokenize(std::string_view text, bool with_begin_token = true) const;
  [[nodiscard]] std::string text_of(std::span<const Token> tokens, bool control_tokens = false) const;
  [[nodiscard]] bool ends_generation(Token token) const;

 private:
  struct State;
  [[nodiscard]] const State& state() const;
  std::shared_ptr<const State> state_;
};

// The stages of opening, one by one: each can only be followed by the next.
//
//   plimsoll::Model model = runtime.reserve(path).load().create_context().warm_up();
//
// Where a stage throws, everything of the model is given back. Destroying one gives everything back likewise. A stage
// that the next one was made of, or that was moved from, throws Error{usage}.
class UnwarmedModel {
 public:
  [[nodiscard]] Model warm_up() &&;  // drives every shape, measures what the backend took, seals

 private:
  friend class LoadedModel;
  explicit UnwarmedModel(std::shared_ptr<Model::State> state) : state_(std::move(state)) {}
  std::shared_ptr<Model::State> state_;
};

class LoadedModel {
 public:
  [[nodiscard]] UnwarmedModel create_context() &&;  // KV cache, compute and output buffers

 private:
  friend class ReservedModel;
  explicit LoadedModel(std::shared_ptr<Model::State> state) : state_(std::move(state)) {}
  std::shared_ptr<Model::State> state_;
};

// Its bytes are permitted, all of them; nothing is taken as yet.
class ReservedModel {
 public:
  [[nodiscard]] const Plan& plan() const noexcept { return plan_; }
  [[nodiscard]] LoadedModel load() &&;  // weights, adapters, projector

 private:
  friend class Runtime;
  ReservedModel(std::shared_ptr<Model::State> state, Plan plan) : state_(std::move(state)), plan_(std::move(plan)) {}
  std::shared_ptr<Model::State> state_;
  Plan plan_;
};

}  // namespace plimsoll
