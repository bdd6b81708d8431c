// RemoteSequence: a sequence of a model in another process. Its tokens are known here, so that it is there again after
// that process has died.
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "run/held_sequence.hpp"
#include "worker/messages.hpp"
#include "worker/remote_model.hpp"

namespace plimsoll::worker {

class RemoteSequence final : public run::HeldSequence {
 public:
  [[nodiscard]] static std::unique_ptr<RemoteSequence> create(RemoteModel& model);
  [[nodiscard]] static std::unique_ptr<RemoteSequence> load(RemoteModel& model, const run::SequenceSnapshot& snapshot);
  ~RemoteSequence() override;
  RemoteSequence(const RemoteSequence&) = delete;
  RemoteSequence& operator=(const RemoteSequence&) = delete;

  [[nodiscard]] const std::string& model_name() const override { return model_.name(); }
  [[nodiscard]] const engine::ModelFacts& model_facts() const override { return model_.model_facts(); }
  [[nodiscard]] const engine::ContextFacts& context_facts() const override { return model_.context_facts(); }
  [[nodiscard]] const engine::Model& vocabulary() const override { return *model_.vocabulary(); }
  [[nodiscard]] std::string fingerprint() const override { return model_.fingerprint(); }

  void append(std::span<const engine::Token> tokens) override;
  [[nodiscard]] std::size_t replace(std::span<const engine::Token> tokens) override;
  [[nodiscard]] std::size_t waiting() const override { return state().waiting; }
  [[nodiscard]] bool has_logits() const override { return state().has_logits; }
  [[nodiscard]] std::vector<engine::Token> tokens() const override { return tokens_; }
  [[nodiscard]] std::size_t size() const override { return tokens_.size(); }
  [[nodiscard]] engine::Position next_position() const override { return static_cast<engine::Position>(size()); }
  void copy_from(const run::HeldSequence& other, std::size_t most) override;
  void rewind(std::size_t n) override;
  void refresh() override;
  void clear() override;
  void set_adapter_scales(std::span<const float> scales) override;
  [[nodiscard]] engine::AdapterScales adapter_scales() const override { return scales_; }
  void set_weight(double weight) override;
  [[nodiscard]] run::SequenceSnapshot save() const override;
  [[nodiscard]] Bytes size_when_saved() const override;
  [[nodiscard]] std::unique_ptr<run::GenerationWork> work(run::Conversation& conversation,
                                                          run::GenerationParams params) override;

  [[nodiscard]] bool is_decoding_here() const noexcept override { return model_.loop().is_this_thread(); }

  [[nodiscard]] RemoteModel& model() const noexcept { return model_; }
  struct State {
    std::size_t waiting = 0;
    bool has_logits = false;
  };
  // The answer that was made on it is left: of that the first `noted` tokens are here already, and from now on these.
  // Gives how many: the last one of a full context has no place.
  [[nodiscard]] std::size_t note_answer(std::size_t noted, std::span<const engine::Token> said, State state);
  // The same where the process says which tokens there are.
  void note_tokens(std::vector<engine::Token> tokens, State state);
  // What is of it in the process means nothing any more: it is made again with its tokens before it is used.
  void leave_life() noexcept;
  // In the life of now, with its tokens; made again where it was in an earlier one. On a thread that may wait.
  void be_there() const;
  // The same in a given life, made anew with these tokens. For who must not wait for a life. False: it was there
  // already, and is left as it is. Throws WorkerGone.
  bool be_there_in(const std::shared_ptr<OpenModel>& open, std::span<const engine::Token> tokens) const;
  [[nodiscard]] rpc::Sequence::Client client() const;  // the loop's thread, once it is there

 private:
  explicit RemoteSequence(RemoteModel& model);
  struct There;
  template <class Ask>
  auto ask(Ask&& ask) const;

  [[nodiscard]] run::SequenceSnapshot tokens_alone() const;
  [[nodiscard]] State state() const;
  void set(State state) const;
  [[nodiscard]] std::shared_ptr<There> there() const;
  void put(std::shared_ptr<There> there, State state) const;
  [[nodiscard]] bool becomes_copy(const RemoteSequence& other, std::size_t most);

  RemoteModel& model_;
  std::vector<engine::Token> tokens_;
  engine::AdapterScales scales_;
  double weight_ = 1;
  mutable std::mutex mutex_;  // of what follows: an answer that is under way is begun again by the process's supervisor
  mutable State state_;
  mutable std::shared_ptr<There> there_;  // null: nowhere yet
};

}  // namespace plimsoll::worker
