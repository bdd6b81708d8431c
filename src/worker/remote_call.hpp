// RemoteCall: one question to a model in another process: a batch of vectors or scores, or what becomes of a sequence.
// Where that dies it is asked again in the next one, and where it has ended it twice, no more.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "worker/remote_model.hpp"
#include "worker/rpc_errors.hpp"

#include "under_way.hpp"

namespace plimsoll::worker {

class RemoteCall final : public UnderWay {
 public:
  explicit RemoteCall(std::string model) : model_(std::move(model)) {}

  // --- who asks; the model knows it already ---
  // The first life in which it is asked; waits for one. Throws Error where there is none to come.
  [[nodiscard]] std::shared_ptr<OpenModel> first_life(RemoteModel& model);
  // The next one, where that has ended before it has answered. Throws Error{model_crashed} likewise.
  [[nodiscard]] std::shared_ptr<OpenModel> life_after(const std::shared_ptr<OpenModel>& lost);
  void is_over();  // there is an answer, or there will be none

  // --- the process's supervisor ---
  void process_is_back(const std::shared_ptr<OpenModel>& open) override;
  void note_death(const Life& life, bool by_itself) override;
  void fail(const Error& why) override;
  [[nodiscard]] bool is_waited_for() override;
  [[nodiscard]] bool is_suspect() const noexcept override { return deaths_ > 0; }

 private:
  void end_with(const Error& why);  // with the mutex

  const std::string model_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<OpenModel> open_;  // in which it is under way; null: it waits for a life
  std::optional<Error> failure_;
  std::atomic<std::size_t> deaths_ = 0;  // that it has seen, of those that lives brought about themselves
  bool is_on_trial_ = false;
  bool is_over_ = false;
};

// What `ask` gives with the model as it is open in some life; it throws WorkerGone where that ends meanwhile. On a
// thread that may wait. Throws Error{model_crashed} where it has ended two lives, and what RemoteModel::open() throws.
template <class Ask>
auto in_some_life(RemoteModel& model, Ask&& ask) {
  model.loop().require_another_thread();  // a life that is waited for begins on the loop
  const auto call = std::make_shared<RemoteCall>(model.name());
  struct Over {
    RemoteCall& call;
    ~Over() { call.is_over(); }
  } over{.call = *call};
  model.add(call);
  std::shared_ptr<OpenModel> open = call->first_life(model);
  for (;; open = call->life_after(open)) {
    try {
      return ask(open);
    } catch (const WorkerGone&) {  // its supervisor finds out whose doing that was
    }
  }
}

}  // namespace plimsoll::worker
