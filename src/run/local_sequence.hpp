// LocalSequence: a sequence of a context of this process.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "run/conversation.hpp"
#include "run/held_sequence.hpp"

#include "sequence_schedule.hpp"

namespace plimsoll::run {

class Drafting;
struct Draft;

// See Conversation, which says what each does.
class LocalSequence final : public HeldSequence {
 public:
  LocalSequence(std::shared_ptr<SequenceSchedule> schedule, std::shared_ptr<Sequence> sequence);
  ~LocalSequence() override;
  LocalSequence(const LocalSequence&) = delete;
  LocalSequence& operator=(const LocalSequence&) = delete;

  [[nodiscard]] Instance& instance() const;
  [[nodiscard]] const std::shared_ptr<SequenceSchedule>& schedule() const noexcept { return schedule_; }
  [[nodiscard]] const std::shared_ptr<Sequence>& sequence() const noexcept { return sequence_; }

  [[nodiscard]] const std::string& model_name() const override;
  [[nodiscard]] const engine::ModelFacts& model_facts() const override;
  [[nodiscard]] const engine::ContextFacts& context_facts() const override;
  [[nodiscard]] const engine::Model& vocabulary() const override;
  [[nodiscard]] std::string fingerprint() const override;

  void append(std::span<const engine::Token> tokens) override;
  [[nodiscard]] std::size_t replace(std::span<const engine::Token> tokens) override;
  [[nodiscard]] std::size_t waiting() const override;
  [[nodiscard]] bool has_logits() const override;
  [[nodiscard]] std::vector<engine::Token> tokens() const override;
  [[nodiscard]] std::size_t size() const override;
  [[nodiscard]] engine::Position next_position() const override;
  void copy_from(const HeldSequence& of_other, std::size_t most) override;
  void rewind(std::size_t n) override;
  void refresh() override;
  void clear() override;
  void set_adapter_scales(std::span<const float> scales) override;
  [[nodiscard]] engine::AdapterScales adapter_scales() const override;
  void set_weight(double weight) override;
  [[nodiscard]] SequenceSnapshot save() const override;
  [[nodiscard]] Bytes size_when_saved() const override;
  [[nodiscard]] std::unique_ptr<GenerationWork> work(Conversation& conversation, GenerationParams params) override;
  [[nodiscard]] bool is_decoding_here() const noexcept override;
  [[nodiscard]] LocalSequence* local() noexcept override { return this; }

  // What only this process can do.
  void prompt(std::string_view text, std::span<const engine::Media> media);
  [[nodiscard]] std::size_t replace(std::span<const engine::PromptChunk> chunks, std::size_t same);
  void prompt_embeddings(std::span<const float> vectors);
  void prompt_all_logits(std::span<const engine::Token> tokens);
  [[nodiscard]] engine::DecodeStatus infer(std::stop_token stop, const std::function<void(std::size_t)>& progress);
  [[nodiscard]] std::span<const float> logits(std::size_t back);
  [[nodiscard]] engine::Token sample(engine::Sampler& sampler, std::size_t back);
  [[nodiscard]] engine::SequenceId id() const;
  [[nodiscard]] std::unique_ptr<LocalSequence> fork() const;
  [[nodiscard]] bool shift_left(std::size_t count, std::size_t keep);
  void reprefill_without(std::size_t count, std::size_t keep);
  void modify(const std::function<void(Conversation::MemoryEdit&)>& edit);
  // Null where there is none. Throws Error: usage, unsupported (see Generation).
  [[nodiscard]] std::unique_ptr<Drafting> drafting_with(const std::optional<Draft>& draft, std::stop_token stop) const;

 private:
  std::shared_ptr<SequenceSchedule> schedule_;
  std::shared_ptr<Sequence> sequence_;
};

// Its memory lets go of tokens that others have come after.
[[nodiscard]] bool can_forget_a_part(const Instance& instance);
void find_first_vector(Sequence& sequence);  // once tokens have gone

}  // namespace plimsoll::run
