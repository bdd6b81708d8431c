// Strand: a thread that does one thing after the other, and outlives the object that gives it work.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

#include <kj/async.h>

#include "worker/rpc_errors.hpp"

namespace plimsoll::worker {

// Any thread. What waits is still done after the strand has gone, and then its thread ends: nobody waits for it.
class Strand {
 public:
  Strand();
  ~Strand();
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  void post(std::move_only_function<void()> job);
  // On an event loop's thread: a promise of what `work` gives there. What it throws becomes an exception of the RPC
  // library (see to_rpc()).
  template <class Work>
  kj::Promise<std::invoke_result_t<Work>> promise(Work work);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

template <class Work>
kj::Promise<std::invoke_result_t<Work>> Strand::promise(Work work) {
  using Result = std::invoke_result_t<Work>;
  auto both = kj::newPromiseAndCrossThreadFulfiller<Result>();
  using Fulfiller = kj::Own<kj::CrossThreadPromiseFulfiller<Result>>;
  const auto fulfiller = std::make_shared<Fulfiller>(kj::mv(both.fulfiller));
  post([fulfiller, work = std::move(work)]() mutable {
    try {
      if constexpr (std::is_void_v<Result>) {
        work();
        (*fulfiller)->fulfill();
      } else {
        (*fulfiller)->fulfill(work());
      }
    } catch (...) {
      (*fulfiller)->reject(current_failure_for_rpc());
    }
  });
  return kj::mv(both.promise);
}

}  // namespace plimsoll::worker
