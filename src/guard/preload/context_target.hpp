// ContextTarget: a context that a program's own engine has made, as a warm-up drives it: by the public functions of the
// library that made it.
#pragma once
#include <llama.h>

#include <string>

#include "run/warm_up_target.hpp"
#include "tracker/scope.hpp"

#include "llama_library.hpp"

namespace plimsoll::guard {

// What of a context's parameters matters to a warm-up; of an engine whose layout is not known only what the engine
// tells.
struct ContextWishes {
  bool layout_is_known = false;
  bool embeddings = false;
  std::uint32_t outputs = 1;  // rows of logits that it is asked for at once
  ggml_abort_callback abort_callback = nullptr;
  void* abort_data = nullptr;
  std::string why_not_warmed{};  // a sentence without a full stop; empty: nothing speaks against it
};
// `parameters`: a llama_context_params as it was passed, or null.
[[nodiscard]] ContextWishes wishes_of(const LlamaLibrary& library, const void* parameters);

class ContextTarget final : public run::WarmUpTarget {
 public:
  // `scope`: where a refusal is left, for the error that tells it.
  ContextTarget(const LlamaLibrary& library, llama_context* context, const ContextWishes& wishes,
                tracker::Scope& scope);

  [[nodiscard]] const run::WarmUpFacts& facts() const override { return facts_; }
  void decode(std::span<const run::WarmUpToken> tokens, const std::stop_token& stop) override;
  void encode(std::span<const run::WarmUpToken> tokens) override;
  void begin_to_decode(std::span<const run::WarmUpToken> tokens) override;
  void synchronize() override;
  void clear() override;
  [[nodiscard]] bool remove(std::int32_t sequence, std::int32_t from, std::int32_t to) override;
  void copy(std::int32_t from_sequence, std::int32_t to_sequence) override;
  void shift(std::int32_t sequence, std::int32_t from, std::int32_t to, std::int32_t by) override;
  [[nodiscard]] std::int32_t last_position(std::int32_t sequence) const override;
  void save_and_restore(std::int32_t sequence) override;
  void sample() override;

  // As the program expects a context: empty, and with nothing counted.
  void leave_as_new();

 private:
  using Computes = std::int32_t (*)(llama_context*, llama_batch);
  void compute(Computes function, std::span<const run::WarmUpToken> tokens, bool may_be_stopped);
  void judge(std::int32_t status, bool may_be_stopped);
  [[nodiscard]] int nodes_of_first_layers(const llama_model* model) const;

  const LlamaLibrary& library_;
  const LlamaFunctions& llama_;
  Library file_;
  llama_context* context_;
  ContextWishes wishes_;
  tracker::Scope& scope_;
  llama_memory_t memory_ = nullptr;
  run::WarmUpFacts facts_;
};

// The engine did not take a shape that is none of its own: the warm-up is not complete, and the context is a good one.
class NotTaken final : public Error {
 public:
  explicit NotTaken(const std::string& sentence) : Error(ErrorCode::unsupported, sentence) {}
};

}  // namespace plimsoll::guard
