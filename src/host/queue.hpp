// Queue: requests that wait for models, the models that are loaded, and what the Loader is to do next.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include <plimsoll/host/status.hpp>
#include "base/mutex.hpp"
#include "host/dispatcher.hpp"
#include "host/lease.hpp"

#include "fleet_change.hpp"
#include "loader_outcome.hpp"

namespace plimsoll::host {

// Something that is neither a load nor an eviction, and changes what they are about.
struct BetweenJobs {
  std::function<void()> work;  // throws nothing
};

// What a load or an eviction needs to know.
struct Job {
  std::variant<Load, Evict, BetweenJobs> task;
  std::stop_token stop{};                // a load: nobody waits for it any more; an eviction: the host ends
  std::shared_ptr<Resident> resident{};  // that is evicted
};

// What the queue tells and asks while it decides. Called with the queue's lock held: quick, and no calls back.
class QueueObserver {
 public:
  virtual ~QueueObserver() = default;
  virtual void look_at_devices(FreeCapacity& capacity) = 0;
  virtual void moved(const Moved& moved, const std::string& why) = 0;
  virtual void refused(const std::string& model, ModelState state, const std::string& why) = 0;
  virtual void ask_others(const AskOthers&) {}
  virtual void decided() {}  // everything that could be, for now
};

// Any thread. One lock guards what is decided; who waits has a condition variable of its own. What the observer or the
// policy throws is logged, and an error for those who wait.
class Queue {
  struct Waiter {
    std::condition_variable_any news;
    bool needs_slot = false;
    bool wants_place = false;  // told whenever its place may have changed
    bool granted = false;
    std::shared_ptr<Resident> resident;
    std::optional<Error> refused;
    std::optional<Error> short_of;  // others hold what it needs; it waits for that
  };

 public:
  // All of them outlive the queue. A model that cannot be used is failed from the start.
  Queue(const std::vector<ModelRules>& rules, FreeCapacity capacity, std::shared_ptr<const EvictionPolicy> policy,
        std::size_t longest, const Clock& clock, QueueObserver& observer,
        std::chrono::milliseconds time_slice = Dispatcher::kTimeSlice);

  // --- requests ---
  struct Granted {
    std::shared_ptr<Resident> resident;  // it is loaded for as long as the slot is not given back
    double waited = 0;                   // seconds
    TicketId lease = 0;                  // its number, to give it back
  };
  // Asks for a model, and waits for its answer; whoever does not wait for it gives its place up with this. One thread.
  class Request {
   public:
    // With `needs_slot` it is a lease that is asked for; else the model may go again at once. Throws Error: usage
    // (there is no such model), busy (the queue is full), cancelled (the host ends).
    Request(Queue& queue, std::string model, AcquireOptions options, bool needs_slot);
    // Gives that lease back, and asks for another one before all others of its priority. No patience is left.
    Request(Queue& queue, TicketId lease, AcquireOptions options);
    ~Request();
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

    // Waits until then at most (empty: for as long as it takes). True: it is over, so wait() does not wait.
    [[nodiscard]] bool is_answered_by(std::optional<std::chrono::steady_clock::time_point> most);
    // Once. The slot is the caller's to give back. Throws as Host::acquire() and Host::load().
    [[nodiscard]] Granted wait();
    [[nodiscard]] bool is_answered() const;  // wait() does not wait
    [[nodiscard]] bool holds_slot() const;   // it has been granted one, and wait() has not handed it out

   private:
    [[nodiscard]] bool is_over() const PLIMSOLL_REQUIRES(queue_.mutex_);
    [[noreturn]] void throw_why_not() const PLIMSOLL_REQUIRES(queue_.mutex_);
    void tell_place() PLIMSOLL_REQUIRES(queue_.mutex_);
    void begin(TicketId ticket) PLIMSOLL_REQUIRES(queue_.mutex_);

    Queue& queue_;
    const std::string model_;
    const AcquireOptions options_;
    const bool needs_slot_;
    const Stopwatch watch_;
    const std::optional<std::chrono::steady_clock::time_point> until_;
    TicketId ticket_ = 0;
    Waiter* waiter_ = nullptr;         // guarded by the queue's lock
    std::optional<std::size_t> told_;  // its place
    bool at_once_ = false;
  };
  // The host itself wants it: nobody waits, and nobody has to.
  void want(const std::string& model);
  // One more slot for who has that lease; empty: see Dispatcher::take_another(). Does not wait.
  [[nodiscard]] std::optional<Granted> another(TicketId lease);
  [[nodiscard]] bool wants_slot_back(TicketId lease) const;  // that another() gave
  // Ends a lease. `failed`: the model computes no more. `took`: tokens; empty: as many as were expected.
  void give_back(TicketId lease, bool failed, std::optional<double> took = {}) noexcept;
  // Ends a lease of a model whose file has changed: it is loaded anew for whoever comes next.
  void give_back_outdated(TicketId lease) noexcept;
  // It is not started again after so many deaths: see Dispatcher::given_up().
  void given_up(const std::string& model, const Error& why) noexcept;
  void retry(const std::string& model);
  void unload(const std::string& model);
  void pin(const std::string& model, bool pinned);
  void set_time_to_live(const std::string& model, std::optional<std::chrono::milliseconds> idle);
  // Has the Loader do this between two jobs, waits for it and throws what it throws. The load of one of these models,
  // which is of no use any more, is stopped for it. False: `stop` was requested before it began.
  bool between_jobs(const std::function<void()>& work, const std::set<std::string>& not_to_be_loaded,
                    const std::stop_token& stop);
  // The host ends: refuses who waits, stops what is loaded, and lets nobody in any more.
  void close();
  void wait_until_unused();  // after close(): nobody waits, and nobody has a lease
  // The models that are still loaded, once the host has ended.
  [[nodiscard]] std::vector<std::shared_ptr<Resident>> take_residents();

  // --- the Loader's side: one job at a time, and each is finished ---
  [[nodiscard]] std::optional<Job> next_at_once();                     // empty: there is none now
  [[nodiscard]] std::optional<Job> next(const std::stop_token& stop);  // waits; empty: stopped
  void warming(const std::string& model);
  void finished(Outcome outcome) noexcept;
  void set_runtimes(const RuntimeFigures& figures);
  void set_policy(std::shared_ptr<const EvictionPolicy> policy);
  // Between two jobs. Answers with the models that change or go and still hold their memory: they go as soon as their
  // leases end, and have a successor when they are evicted. Requests for the others are served by what they are now.
  [[nodiscard]] std::set<std::string> change_fleet(const FleetChange& change);

  // --- what is true ---
  [[nodiscard]] ModelState state(const std::string& model) const;
  [[nodiscard]] bool has(const std::string& model) const;  // it is a model of the fleet
  [[nodiscard]] ModelRules rules(const std::string& model) const;
  // Those of them that there are, then those that have left the fleet and hold their memory still. Without what the
  // queue does not count: loads, evictions, refusals and their times.
  [[nodiscard]] std::vector<ModelStatus> status(std::span<const std::string> models) const;
  [[nodiscard]] std::size_t waiting() const;

  // --- other processes (queue_status.cpp) ---
  // See Dispatcher::yield(). `whom_for`: for the log.
  bool yield(const std::string& model, bool even_at_work, const std::string& whom_for);
  [[nodiscard]] bool is_held_up(TicketId ticket) const;  // see Dispatcher
  // Loads it again where it fits beside what is loaded, and nobody waits for anything. False: not now.
  [[nodiscard]] bool want_where_there_is_room(const std::string& model);
  [[nodiscard]] std::shared_ptr<const EvictionPolicy> policy() const;
  [[nodiscard]] std::map<std::string, ModelStanding> standings() const;  // of those that are resident
  [[nodiscard]] std::map<std::string, ProcessStatus> processes() const;  // of those that have one

 private:
  struct Loading {
    std::string model;
    std::stop_source stop;
  };
  // Whatever can be decided now; called after everything that the dispatcher was told.
  void pump() noexcept PLIMSOLL_REQUIRES(mutex_);
  void carry_out(const Decision& decision) PLIMSOLL_REQUIRES(mutex_);
  void grant(const Grant& grant) PLIMSOLL_REQUIRES(mutex_);
  void refuse(const Refuse& refuse) PLIMSOLL_REQUIRES(mutex_);
  void postpone(const Postpone& postpone) PLIMSOLL_REQUIRES(mutex_);
  void preempt(const Preempt& preempt) PLIMSOLL_REQUIRES(mutex_);
  void stop_unwanted_load() PLIMSOLL_REQUIRES(mutex_);
  void notify() noexcept PLIMSOLL_REQUIRES(mutex_);
  [[nodiscard]] bool is_unused() const PLIMSOLL_REQUIRES(mutex_);
  void note_unused() noexcept PLIMSOLL_REQUIRES(mutex_);
  [[nodiscard]] std::optional<Job> take_job() PLIMSOLL_REQUIRES(mutex_);
  void apply(Loaded loaded) PLIMSOLL_REQUIRES(mutex_);
  void apply(const Failed& failed) PLIMSOLL_REQUIRES(mutex_);
  [[nodiscard]] bool may_try_again(const Failed& failed) PLIMSOLL_REQUIRES(mutex_);
  void apply(const Replanned& replanned) PLIMSOLL_REQUIRES(mutex_);
  void apply(const Evicted& evicted) PLIMSOLL_REQUIRES(mutex_);
  void fail_what_was_loading(const char* why) noexcept PLIMSOLL_REQUIRES(mutex_);
  void end_lease(TicketId lease, std::optional<double> took) noexcept PLIMSOLL_REQUIRES(mutex_);
  void fail_unusable(const std::string& model, const Error& why) PLIMSOLL_REQUIRES(mutex_);
  // --- queue_fleet.cpp ---
  struct Call;
  [[nodiscard]] std::function<void()> take_call() PLIMSOLL_REQUIRES(mutex_);
  void take_back_loads() PLIMSOLL_REQUIRES(mutex_);
  void forget_whom_for(const std::string& model) PLIMSOLL_REQUIRES(mutex_);
  void put_in_place(const ModelChange& model) PLIMSOLL_REQUIRES(mutex_);
  void drop(const std::string& model) PLIMSOLL_REQUIRES(mutex_);
  void succeed(const std::string& model, const Successor& successor) PLIMSOLL_REQUIRES(mutex_);
  [[nodiscard]] static std::chrono::milliseconds guessed_load_time(const plan::ModelPlan& plan);

  const std::size_t longest_;
  const Clock& clock_;
  QueueObserver& observer_;
  mutable Mutex mutex_;
  std::shared_ptr<const EvictionPolicy> policy_ PLIMSOLL_GUARDED_BY(mutex_);
  std::condition_variable_any work_;    // the Loader waits for it
  std::condition_variable_any unused_;  // wait_until_unused() waits for it
  Dispatcher dispatcher_ PLIMSOLL_GUARDED_BY(mutex_);
  FreeCapacity capacity_ PLIMSOLL_GUARDED_BY(mutex_);
  std::map<TicketId, Waiter> waiters_ PLIMSOLL_GUARDED_BY(mutex_);
  std::map<TicketId, std::stop_source> give_way_ PLIMSOLL_GUARDED_BY(mutex_);  // of tickets and leases that may
  std::map<std::string, std::shared_ptr<Resident>> residents_ PLIMSOLL_GUARDED_BY(mutex_);
  struct Tokens {
    std::uint64_t computed = 0;
    std::uint64_t generated = 0;
  };
  std::map<std::string, Tokens> tokens_before_ PLIMSOLL_GUARDED_BY(mutex_);  // by residents that are gone
  std::map<std::string, std::string> reasons_ PLIMSOLL_GUARDED_BY(mutex_);   // of the move that comes next
  std::map<std::string, int> outrun_ PLIMSOLL_GUARDED_BY(mutex_);  // loads in a row for which others were quicker
  std::deque<Decision> tasks_ PLIMSOLL_GUARDED_BY(mutex_);         // Load or Evict, not begun
  std::deque<Call*> calls_ PLIMSOLL_GUARDED_BY(mutex_);            // not begun
  std::optional<Loading> loading_ PLIMSOLL_GUARDED_BY(mutex_);
  std::optional<Dispatcher::Time> loader_wakes_at_ PLIMSOLL_GUARDED_BY(mutex_);
  std::stop_source ending_;
};

}  // namespace plimsoll::host
