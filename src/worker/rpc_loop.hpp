// RpcLoop: a thread with an event loop of the RPC library, and ways into it from other threads.
#pragma once
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <kj/async-io.h>

#include <plimsoll/base/error.hpp>

namespace plimsoll::worker {

// What the RPC library hands on of a failure is no std::exception, and would end a thread that catches those.
class RpcFailure final : public kj::Exception, public std::exception {
 public:
  explicit RpcFailure(kj::Exception&& failure) : kj::Exception(kj::mv(failure)) {}
  [[nodiscard]] const char* what() const noexcept override { return getDescription().cStr(); }
};

// Work for a loop's thread, from any thread: the library's own executors take work from threads with a loop only, or
// wait until it is done. Made on the loop's thread, and outlives its last post().
class Inbox final : private kj::TaskSet::ErrorHandler {
 public:
  Inbox();
  void post(std::move_only_function<void()> job);
  void finish();  // on the loop's thread, at its end: what was posted before is done

 private:
  void arm();
  [[nodiscard]] bool work_off_once();
  void work_off();
  void taskFailed(kj::Exception&& failure) override;

  std::mutex mutex_;
  std::vector<std::move_only_function<void()>> jobs_;
  kj::Own<kj::CrossThreadPromiseFulfiller<void>> wake_;
  kj::TaskSet tasks_;
};

// Any thread.
class RpcLoop {
 public:
  RpcLoop();
  ~RpcLoop();
  RpcLoop(const RpcLoop&) = delete;
  RpcLoop& operator=(const RpcLoop&) = delete;

  void post(std::move_only_function<void()> job) { inbox_->post(std::move(job)); }
  // What holds objects of the RPC library, which are deleted on the loop's thread, whoever lets go of it last.
  template <class T>
  [[nodiscard]] std::shared_ptr<T> shared() {
    return std::shared_ptr<T>(new T(), [this](T* object) { post([object] { delete object; }); });
  }
  // Runs it there and waits for what it promises; what that or the call throws is thrown here, as RpcFailure. Throws
  // Error{usage} on the loop's own thread: inside a callback of somebody who asks a model meanwhile.
  template <class Work>
  auto run(Work&& work);
  [[nodiscard]] kj::LowLevelAsyncIoProvider& io() noexcept { return *io_; }  // on the loop's thread
  [[nodiscard]] kj::Timer& timer() noexcept { return io_->getTimer(); }      // likewise
  // For who is going to wait. Throws Error{usage} likewise.
  void require_another_thread() const;
  [[nodiscard]] bool is_this_thread() const noexcept { return std::this_thread::get_id() == thread_.get_id(); }

 private:
  template <class T>
  struct Unpromised {
    using Type = T;
  };
  template <class T>
  struct Unpromised<kj::Promise<T>> {
    using Type = T;
  };
  template <class Result>
  struct Call {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_done = false;
    std::optional<Result> result;
    std::exception_ptr failure;
  };

  Inbox* inbox_ = nullptr;
  kj::LowLevelAsyncIoProvider* io_ = nullptr;
  kj::Own<kj::CrossThreadPromiseFulfiller<void>> stop_;
  std::thread thread_;
};

// `work` gives a kj::Promise<T>; T is moved out.
template <class Work>
auto RpcLoop::run(Work&& work) {
  using Result = typename Unpromised<std::invoke_result_t<Work>>::Type;
  static_assert(!std::is_void_v<Result>, "give something, so that one form suffices");
  require_another_thread();
  const auto call = std::make_shared<Call<Result>>();
  const auto done = [call](auto&& change) {
    const std::lock_guard lock(call->mutex);
    change(*call);
    call->is_done = true;
    call->changed.notify_one();
  };
  post([&work, done]() mutable {
    kj::evalNow([&] {
      return work();
    }).then([done](Result&& result) {
        done([&](auto& of) { of.result.emplace(kj::mv(result)); });
      }).detach([done](kj::Exception&& failure) {
      done([&](auto& of) { of.failure = std::make_exception_ptr(RpcFailure(kj::mv(failure))); });
    });
  });
  std::unique_lock lock(call->mutex);
  call->changed.wait(lock, [&] { return call->is_done; });
  if (call->failure) std::rethrow_exception(call->failure);
  return std::move(*call->result);
}

}  // namespace plimsoll::worker
