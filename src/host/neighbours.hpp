// Neighbours: the other processes of the machine, as a host deals with them: it shows them its models, lets models go
// when they ask, and asks them when it is short itself.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.hpp"
#include "broker/machine_ledger.hpp"
#include "host/free_capacity.hpp"
#include "run/memory_accounting.hpp"

#include "queue.hpp"

namespace plimsoll::host {

// Any thread. Accounting and queue outlive it.
class Neighbours {
 public:
  explicit Neighbours(run::MemoryAccounting& accounting);
  ~Neighbours();
  // Begins to show and to answer. `drafts`: by a model's name that of the one that comes and goes with it.
  using Drafts = std::function<std::map<std::string, std::string>()>;
  void start(Queue& queue, Drafts drafts);
  void stop();

  // Models of others that may be asked to go now: those of processes that do not answer are left out for a while. To be
  // called before the devices are read: what has gone since is free then.
  [[nodiscard]] std::vector<OfferOfOthers> offers();
  // Quick, no calls back. Said again and again, as the dispatcher does.
  void ask(const AskOthers& wanted);
  // Nobody of ours waits for others any more: what was asked is taken back. Said as quickly.
  void ask_nobody();

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Pending {
    std::uint64_t ask = 0;
    broker::Offer offer{};
    Time since{};
    Time said{};                     // last; what nobody says again is of a request that has gone
    std::optional<Time> answered{};  // that it goes
    bool goes = false;               // it was seen to
  };
  // What was asked for last.
  struct Said {
    TicketId ticket = 0;
    std::vector<broker::Want> needs{};
    std::vector<std::string> offers{};
    Time at{};
  };
  void work(const std::stop_token& stop);
  void answer_asks();
  [[nodiscard]] bool yields(const broker::Asked& asked, const std::string& whom_for);
  void show_models();
  void say_again();
  void say(Said& what) PLIMSOLL_REQUIRES(mutex_);
  void look_for_answers(const std::vector<broker::Offer>& there) PLIMSOLL_REQUIRES(mutex_);
  void pass_over(const broker::Offer& offer, bool whole_process) PLIMSOLL_REQUIRES(mutex_);
  [[nodiscard]] bool is_passed_over(const broker::Offer& offer) PLIMSOLL_REQUIRES(mutex_);
  [[nodiscard]] std::optional<OfferOfOthers> as_offer(const broker::Offer& offer) const;

  run::MemoryAccounting& accounting_;
  broker::MachineLedger& machine_;
  Queue* queue_ = nullptr;  // the thread's
  Drafts drafts_;
  Mutex mutex_;                                                              // not held while the queue is called
  std::map<std::string, broker::Offer> offers_ PLIMSOLL_GUARDED_BY(mutex_);  // by the candidate's name
  std::map<std::string, Pending> pending_ PLIMSOLL_GUARDED_BY(mutex_);
  std::optional<Said> said_ PLIMSOLL_GUARDED_BY(mutex_);
  std::map<std::pair<std::uint64_t, std::string>, Time> passed_over_ PLIMSOLL_GUARDED_BY(mutex_);  // until then
  // Of the thread alone.
  std::map<std::string, ModelStanding> shown_;
  std::map<std::string, ProcessStatus> shown_processes_;
  Time shown_at_{};
  std::jthread thread_;
};

}  // namespace plimsoll::host
