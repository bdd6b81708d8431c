// ServedModel: a model that is ready, as hosts and servers see it: its context is in this process (LocalModel) or in
// another one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plan/plan.hpp"
#include "run/conversation.hpp"
#include "run/embedder.hpp"
#include "run/reranker.hpp"

namespace plimsoll::run {

// Of a process in which a model computes.
struct ProcessFacts {
  std::int64_t pid = 0;        // 0: it has died, and is going to be started again
  std::uint64_t restarts = 0;  // since the model was loaded
};

// Any thread, but for vectors and scores: one at a time. Outlives its conversations.
class ServedModel {
 public:
  virtual ~ServedModel() = default;

  [[nodiscard]] virtual const plan::ModelPlan& plan() const noexcept = 0;
  [[nodiscard]] const std::string& name() const noexcept { return plan().name; }
  // The model, or as much of it as has its vocabulary and its file's facts.
  [[nodiscard]] virtual const std::shared_ptr<engine::Model>& vocabulary() const = 0;
  [[nodiscard]] virtual const engine::ModelFacts& model_facts() const = 0;
  [[nodiscard]] virtual const engine::ContextFacts& context_facts() const = 0;
  [[nodiscard]] virtual std::string fingerprint() const = 0;  // see fingerprint_of()

  // See BatchedExecutor, which says what each does and throws. Error{unsupported} for a model that was planned for
  // embeddings.
  [[nodiscard]] virtual bool has_conversations() const noexcept = 0;
  [[nodiscard]] virtual Conversation create() = 0;
  [[nodiscard]] virtual Conversation load(const SequenceSnapshot& snapshot) = 0;
  [[nodiscard]] virtual std::size_t free_sequences() const = 0;
  [[nodiscard]] virtual std::size_t cells_used() const noexcept = 0;
  virtual void on_full_cache(std::function<bool()> make_free) = 0;

  // See Embedder and Reranker.
  [[nodiscard]] virtual std::vector<Embedding> embed(std::span<const std::vector<engine::Token>> inputs,
                                                     const EmbedParams& params) = 0;
  [[nodiscard]] virtual std::vector<Ranked> rank(std::span<const std::vector<engine::Token>> pairs,
                                                 const RankParams& params) = 0;

  [[nodiscard]] virtual bool has_failed() const noexcept = 0;  // see Instance::has_failed()
  [[nodiscard]] virtual bool is_intact() const = 0;            // no file of it was changed while it was mapped
  [[nodiscard]] virtual std::uint64_t tokens_computed() const noexcept = 0;
  [[nodiscard]] virtual std::uint64_t tokens_generated() const noexcept = 0;
  [[nodiscard]] virtual memory::SealCounts seal_counts() const = 0;

  [[nodiscard]] virtual Instance* instance() noexcept { return nullptr; }  // null: it is in another process
  [[nodiscard]] virtual std::optional<ProcessFacts> process() const { return std::nullopt; }  // where it is
};

}  // namespace plimsoll::run
