// WorkerProcess: the process of a compute group, as the host has it: started, spoken to, ended, and started again when
// it dies, for as long as that has sense.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <plimsoll/base/error.hpp>
#include "base/child_process.hpp"
#include "model_worker.capnp.h"
#include "worker/memory_group.hpp"
#include "worker/restart_rule.hpp"
#include "worker/rpc_loop.hpp"

namespace plimsoll::worker {

// One life of the process. What is of an earlier life is void.
struct Life {
  std::unique_ptr<MemoryGroup> memory;  // null: its limit is watched alone
  ChildProcess process;
  std::atomic<bool> is_over = false;       // its connection has ended
  std::atomic<bool> did_its_work = false;  // an answer came to its end in it
  std::atomic<bool> hangs = false;         // it was ended since it did not answer: its own doing
  std::atomic<int> owed = 0;               // answers that it has a time for
  kj::Own<void> connection;                // the loop's thread alone, as what follows
  kj::Maybe<rpc::Worker::Client> worker;

  explicit Life(const std::vector<std::string>& program) : process(program) {}
};

struct Death {
  std::string how;         // "crashed (Segmentation fault)"
  std::string last_words;  // of its log
  // By what it did itself. Else somebody from outside has ended it: that says nothing of the requests in it.
  bool by_itself = true;
};

// What is told of a process, on its supervisor's thread. What it throws is logged, and ends nothing but as it says.
class WorkerObserver {
 public:
  virtual ~WorkerObserver() = default;
  virtual void died(const Life& life, const Death& death) = 0;  // it has been waited for
  // It is there again: everything in it is to be made anew, in that life. Others wait in life() meanwhile. What it
  // throws ends that life, too.
  virtual void make_again(const std::shared_ptr<Life>& life) = 0;
  virtual void is_back() = 0;  // nobody waits in life() any more
  // It is not started again (where the host ends it, gave_up() alone says so). First before has_failed() says so, then
  // once who waited in life() knows.
  virtual void gives_up(const Error& why) = 0;
  virtual void gave_up(const Error& why) = 0;
};

struct WorkerOptions {
  std::vector<std::string> program{};  // "plimsoll model-worker", with its limits
  std::string name{};                  // of the compute group, for the log
  std::size_t most_deaths = RestartRule::kMostDeaths;
  std::optional<Bytes> most_host_memory{};  // pages of its own; the system holds it to that, too, where that can be had
  // A later life that loads, and for so long (or twice as long as a model's first load took, where that is longer) does
  // not go on with it, is ended, which is a death.
  std::chrono::milliseconds most_silence = std::chrono::seconds(30);
  // The same where a model is loaded for the first time: a stage may take as long as a batch does.
  std::chrono::milliseconds most_silence_at_first = std::chrono::minutes(30);
  // A life that does not do what waits for one batch at most (a conversation is made, changed, saved or left; a batch
  // of vectors or scores is computed) is ended, which is a death. Heuristic: a batch of 2048 tokens takes so long where
  // one core computes a token of a prompt in a second. Limits::most_decode_time is for what is known to be faster.
  std::chrono::milliseconds most_to_answer = std::chrono::minutes(30);
  // Why a life would be in vain now; empty: nothing is in its way. It is asked before each life after the first one,
  // and what is in the way is waited out with some patience: where it lasts, the process is given up with Error{io}.
  std::function<std::string()> hindrance{};
  std::chrono::milliseconds patience = std::chrono::seconds(5);  // a machine starts its server again, say
};

// Any thread.
class WorkerProcess {
 public:
  WorkerProcess(RpcLoop& loop, WorkerOptions options, WorkerObserver& observer);
  // Ends the process, and waits for that.
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  // How much of the host's memory its models' files have mapped: page cache, which counts for the system beside its
  // own. Before they are loaded.
  void set_mapped(Bytes mapped);
  void start();  // throws Error{io}
  // The life of now; waits while there is none and one is to come. Throws Error where it was given up, and
  // Error{cancelled} where the waiting is.
  [[nodiscard]] std::shared_ptr<Life> life(const std::stop_token& stop = {});
  [[nodiscard]] std::shared_ptr<Life> life_at_once() const;  // null: there is none now; throws likewise
  bool kill() noexcept;                                      // the life of now, as if it had died; false: there is none
  // It is wanted no more, whatever its models were asked: the life of now is ended, none is begun, and who waits for
  // one gets Error{cancelled}. Does not wait.
  void end() noexcept;
  // It owes somebody an answer, or is to come back. False once it is ended or given up.
  [[nodiscard]] bool is_at_work() const;
  void end_what_hangs(Life& life, std::chrono::milliseconds had) const;  // a death
  [[nodiscard]] std::chrono::milliseconds most_silence() const noexcept { return options_.most_silence; }
  [[nodiscard]] std::chrono::milliseconds most_silence_at_first() const noexcept {
    return options_.most_silence_at_first;
  }
  // On the loop's thread: never fulfilled; disconnected once the life has had its time to answer, and is ended.
  template <class T>
  [[nodiscard]] kj::Promise<T> too_late(std::shared_ptr<Life> life);
  [[nodiscard]] bool has_failed() const;
  [[nodiscard]] std::string last_words() const;  // how it died last, and what it said; empty: it never did
  [[nodiscard]] std::string last_words_of(const std::shared_ptr<Life>& life);  // which is over: waits for its end
  [[nodiscard]] pid_t pid() const;                                             // 0: there is none now
  [[nodiscard]] std::uint64_t restarts() const;

 private:
  // For as long as it lives.
  struct Owed {
    explicit Owed(std::shared_ptr<Life> by) : life(std::move(by)) { ++life->owed; }
    ~Owed() { --life->owed; }
    Owed(const Owed&) = delete;
    Owed& operator=(const Owed&) = delete;
    const std::shared_ptr<Life> life;
  };
  std::shared_ptr<Life> begin_life();
  void supervise();
  void live_again();
  void limit_memory(Life& life);
  void disconnect(Life& life);
  void give_up(const Error& why);
  void give_up_supervising(const char* why) noexcept;
  void tell_end() const noexcept;
  template <class Tell>
  void without_throwing(Tell&& tell) const noexcept;
  [[nodiscard]] std::string hindrance() const;
  [[nodiscard]] bool waits_before_next_life(std::chrono::milliseconds wait);
  [[nodiscard]] bool waits_until_unhindered();
  [[noreturn]] void throw_why_not() const;

  RpcLoop& loop_;
  const WorkerOptions options_;
  WorkerObserver& observer_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::shared_ptr<Life> life_;  // null: none now
  bool is_ready_ = false;       // everything in it is made
  bool is_ending_ = false;
  bool tells_end_ = false;        // its models are there still
  std::optional<Error> failure_;  // it was given up
  std::string last_words_;
  std::uint64_t restarts_ = 0;
  Bytes mapped_;
  RestartRule rule_;  // the supervisor's
  std::thread supervisor_;
};

template <class T>
kj::Promise<T> WorkerProcess::too_late(std::shared_ptr<Life> life) {
  auto owed = kj::heap<Owed>(life);
  return loop_.timer()
      .afterDelay(options_.most_to_answer.count() * kj::MILLISECONDS)
      .then([this, life = std::move(life)]() -> kj::Promise<T> {
        end_what_hangs(*life, options_.most_to_answer);
        return kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__);
      })
      .attach(kj::mv(owed));
}

}  // namespace plimsoll::worker
