// LocalModel: a model whose context is in this process.
#pragma once
#include <memory>
#include <optional>

#include "run/batched_executor.hpp"
#include "run/instance.hpp"
#include "run/served_model.hpp"

namespace plimsoll::run {

class LocalModel final : public ServedModel {
 public:
  // Ready. One that was planned for embeddings has no conversations. Throws as BatchedExecutor's constructor.
  explicit LocalModel(std::unique_ptr<Instance> instance);

  [[nodiscard]] const plan::ModelPlan& plan() const noexcept override { return instance_->plan(); }
  [[nodiscard]] const std::shared_ptr<engine::Model>& vocabulary() const override { return instance_->model(); }
  [[nodiscard]] const engine::ModelFacts& model_facts() const override { return instance_->model()->facts(); }
  [[nodiscard]] const engine::ContextFacts& context_facts() const override { return instance_->context().facts(); }
  [[nodiscard]] std::string fingerprint() const override { return fingerprint_of(instance_->context()); }

  [[nodiscard]] bool has_conversations() const noexcept override { return executor_.has_value(); }
  [[nodiscard]] Conversation create() override { return executor().create(); }
  [[nodiscard]] Conversation load(const SequenceSnapshot& snapshot) override { return executor().load(snapshot); }
  [[nodiscard]] std::size_t free_sequences() const override { return executor().free_sequences(); }
  [[nodiscard]] std::size_t cells_used() const noexcept override { return executor_ ? executor_->cells_used() : 0; }
  void on_full_cache(std::function<bool()> make_free) override { executor().on_full_cache(std::move(make_free)); }

  [[nodiscard]] std::vector<Embedding> embed(std::span<const std::vector<engine::Token>> inputs,
                                             const EmbedParams& params) override;
  [[nodiscard]] std::vector<Ranked> rank(std::span<const std::vector<engine::Token>> pairs,
                                         const RankParams& params) override;

  [[nodiscard]] bool has_failed() const noexcept override { return instance_->has_failed(); }
  [[nodiscard]] bool is_intact() const override { return instance_->model()->is_intact(); }
  [[nodiscard]] std::uint64_t tokens_computed() const noexcept override { return instance_->tokens_computed(); }
  [[nodiscard]] std::uint64_t tokens_generated() const noexcept override { return instance_->tokens_generated(); }
  [[nodiscard]] memory::SealCounts seal_counts() const override { return instance_->seal_counts(); }
  [[nodiscard]] Instance* instance() noexcept override { return instance_.get(); }

 private:
  [[nodiscard]] const BatchedExecutor& executor() const;
  [[nodiscard]] BatchedExecutor& executor();

  std::unique_ptr<Instance> instance_;
  std::optional<BatchedExecutor> executor_;  // destroyed first
};

}  // namespace plimsoll::run
