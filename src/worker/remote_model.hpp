// RemoteModel: a model that computes in a process of its own, as its host sees it. It survives that process: what was
// said is known here, and is computed again.
#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "run/served_model.hpp"
#include "worker/messages.hpp"
#include "worker/rpc_errors.hpp"
#include "worker/strand.hpp"
#include "worker/worker_process.hpp"

namespace plimsoll::worker {

class RemoteSequence;
class CacheReclaimer;  // cache_reclaimer.hpp
class UnderWay;        // under_way.hpp

// What of a model is in one life of its process.
struct OpenModel {
  std::shared_ptr<Life> life;
  kj::Maybe<rpc::Model::Client> model;  // the loop's thread alone
};

class RemoteModel final : public run::ServedModel {
 public:
  // `vocabulary`: of the same file.
  RemoteModel(RpcLoop& loop, WorkerProcess& process, OpenRequest request, std::shared_ptr<engine::Model> vocabulary);
  // Its conversations have ended. The other process gives its memory back; where it does not answer, nobody waits.
  ~RemoteModel() override;
  RemoteModel(const RemoteModel&) = delete;
  RemoteModel& operator=(const RemoteModel&) = delete;

  // Once, before anything else. Loads it there, and waits for that. Throws what loading throws, and
  // Error{model_unusable} where it ends the process. `stop`: the process is ended, where it has no other model
  // (`is_alone`), and none is waited for; throws Error{cancelled} then.
  void load(const std::stop_token& stop = {}, bool is_alone = false);
  [[nodiscard]] const Opened& opened() const noexcept { return opened_; }
  // Before it is closed. Answers whether the process serves others still; else it is going to be ended anyhow.
  void on_close(std::function<bool(RemoteModel*)> leave) { leave_ = std::move(leave); }

  [[nodiscard]] const plan::ModelPlan& plan() const noexcept override { return request_.plan; }
  [[nodiscard]] const std::shared_ptr<engine::Model>& vocabulary() const override { return vocabulary_; }
  [[nodiscard]] const engine::ModelFacts& model_facts() const override { return request_.plan.dry_run.model; }
  [[nodiscard]] const engine::ContextFacts& context_facts() const override { return request_.plan.dry_run.context; }
  [[nodiscard]] std::string fingerprint() const override { return opened_.fingerprint; }

  [[nodiscard]] bool has_conversations() const noexcept override { return !request_.plan.request.context.embeddings; }
  [[nodiscard]] run::Conversation create() override;
  [[nodiscard]] run::Conversation load(const run::SequenceSnapshot& snapshot) override;
  [[nodiscard]] std::size_t free_sequences() const override;
  [[nodiscard]] std::size_t cells_used() const noexcept override { return cells_; }
  void on_full_cache(std::function<bool()> make_free) override;
  [[nodiscard]] std::vector<run::Embedding> embed(std::span<const std::vector<engine::Token>> inputs,
                                                  const run::EmbedParams& params) override;
  [[nodiscard]] std::vector<run::Ranked> rank(std::span<const std::vector<engine::Token>> pairs,
                                              const run::RankParams& params) override;
  [[nodiscard]] bool has_failed() const noexcept override;
  [[nodiscard]] bool is_intact() const override { return true; }  // the process maps its own file
  [[nodiscard]] std::uint64_t tokens_computed() const noexcept override { return computed_before_ + computed_; }
  [[nodiscard]] std::uint64_t tokens_generated() const noexcept override { return generated_before_ + generated_; }
  [[nodiscard]] memory::SealCounts seal_counts() const override;
  [[nodiscard]] std::optional<run::ProcessFacts> process() const override {
    return run::ProcessFacts{.pid = process_.pid(), .restarts = process_.restarts()};
  }

  [[nodiscard]] RpcLoop& loop() noexcept { return loop_; }
  // On the loop's thread: what that life answers; where it does not for long, it is ended, and this is disconnected.
  template <class T>
  [[nodiscard]] kj::Promise<T> in_time(const OpenModel& open, kj::Promise<T> answer) {
    return answer.exclusiveJoin(process_.too_late<T>(open.life));
  }
  // In the life of now; waits where there is none. Throws Error{engine_failed} where there is none to come.
  [[nodiscard]] std::shared_ptr<OpenModel> open();
  void note(rpc::Counts::Reader counts) noexcept;

  // --- the process's supervisor ---
  void note_death(const Life& life, bool by_itself);   // what was under way in it has seen that
  void load_again(const std::shared_ptr<Life>& life);  // where it was loaded
  // What was under way goes on, one after the other; first, and each alone to its end, what has seen two deaths.
  void go_on(bool suspects);
  void fail_all(const Error& why);  // it is given up
  // An answer or a batch of it has not come to its end. Any thread; does not wait.
  [[nodiscard]] bool is_waited_for();

  // --- what is under way ---
  void add(const std::shared_ptr<UnderWay>& work);          // once it is over it is forgotten by itself
  [[nodiscard]] std::shared_ptr<OpenModel> open_at_once();  // null: there is no life now; throws as open()
  [[nodiscard]] std::shared_ptr<OpenModel> open_in_life_of(const OpenModel& other);  // throws WorkerGone
  [[nodiscard]] Strand& callbacks() noexcept { return callbacks_; }  // what may wait for a call is called there

 private:
  [[nodiscard]] std::vector<std::shared_ptr<UnderWay>> at_work();
  // Vectors or scores: calls what gives a promise of them with this model in its process, and again where that dies
  // meanwhile. Throws Error{model_crashed} where it has ended it twice.
  template <class Ask>
  [[nodiscard]] auto compute(Ask&& ask);
  // `most_silence`: Error{engine_failed} is thrown once the process has not gone on with it for so long. Without it
  // (at a first load) the process is ended after WorkerOptions::most_silence_at_first: WorkerGone.
  [[nodiscard]] std::pair<std::shared_ptr<OpenModel>, Opened> open_in(
      const std::shared_ptr<Life>& life, std::optional<std::chrono::milliseconds> most_silence = {});
  [[nodiscard]] std::chrono::milliseconds most_silence() const;
  [[noreturn]] void throw_stopped() const;
  friend class RemoteSequence;

  RpcLoop& loop_;
  WorkerProcess& process_;
  const OpenRequest request_;
  const std::shared_ptr<engine::Model> vocabulary_;
  Opened opened_;  // when it was loaded first; a later life reads it only
  std::function<bool(RemoteModel*)> leave_;
  std::atomic<std::size_t> sequences_ = 0;  // that are held
  std::atomic<std::uint64_t> computed_ = 0;
  std::atomic<std::uint64_t> generated_ = 0;
  std::atomic<std::uint64_t> computed_before_ = 0;  // in lives that are over
  std::atomic<std::uint64_t> generated_before_ = 0;
  std::atomic<std::size_t> cells_ = 0;
  std::atomic<std::uint64_t> after_seal_ = 0;
  std::atomic<std::uint64_t> refused_ = 0;
  std::atomic<bool> engine_failed_ = false;
  mutable std::mutex mutex_;
  std::shared_ptr<OpenModel> open_;
  std::vector<std::weak_ptr<UnderWay>> at_work_;
  Strand callbacks_;
  std::shared_ptr<CacheReclaimer> room_;
};

}  // namespace plimsoll::worker
