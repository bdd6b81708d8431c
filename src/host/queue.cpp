#include "queue.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"

#include "resident.hpp"
#include "slots.hpp"

namespace plimsoll::host {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

// Until a load has been timed: the weights from the page cache or a good disk, and a warm-up.
constexpr double kBytesPerMs = 1'000'000;
constexpr std::chrono::milliseconds kWarmUpGuess{500};

}  // namespace

std::chrono::milliseconds Queue::guessed_load_time(const plan::ModelPlan& plan) {
  const double bytes = static_cast<double>(plan.dry_run.model.tensor_bytes.value());
  return kWarmUpGuess + std::chrono::milliseconds(std::llround(bytes / kBytesPerMs));
}

Queue::Queue(const std::vector<ModelRules>& rules, FreeCapacity capacity, std::shared_ptr<const EvictionPolicy> policy,
             std::size_t longest, const Clock& clock, QueueObserver& observer, std::chrono::milliseconds time_slice)
    : longest_(longest),
      clock_(clock),
      observer_(observer),
      policy_(std::move(policy)),
      dispatcher_(rules, time_slice),
      capacity_(std::move(capacity)) {
  const MutexLock lock(mutex_);
  for (const ModelRules& model : rules) {
    dispatcher_.expect_load_time(model.name, guessed_load_time(capacity_.plan_of(model.name)));
    if (const auto why = capacity_.unusable(model.name)) fail_unusable(model.name, *why);
  }
}

void Queue::fail_unusable(const std::string& model, const Error& why) {
  log::warn("host", "'{}' cannot be used: {}", model, why.what());
  reasons_[model] = why.what();
  dispatcher_.load_failed(model, clock_.now(), why);
}

// --- requests ---

void Queue::want(const std::string& model) {
  const MutexLock lock(mutex_);
  (void)dispatcher_.ask(model, WhenBusy::wait, false, WhenShort::wait);
  pump();
}

std::optional<Queue::Granted> Queue::another(TicketId of) {
  const MutexLock lock(mutex_);
  if (ending_.stop_requested()) return std::nullopt;
  const auto lease = dispatcher_.take_another(of, clock_.now());
  if (!lease) return std::nullopt;
  return Granted{.resident = residents_.at(dispatcher_.model_of(of)), .waited = 0, .lease = *lease};
}

bool Queue::wants_slot_back(TicketId lease) const {
  const MutexLock lock(mutex_);
  return ending_.stop_requested() || dispatcher_.wants_slot_back(lease, clock_.now());
}

void Queue::end_lease(TicketId lease, std::optional<double> took) noexcept {
  try {
    give_way_.erase(lease);
    dispatcher_.give_back(lease, clock_.now(), took);
  } catch (const std::exception& error) {  // leases end in destructors
    log::error("host", "lease {} could not be given back: {}", lease, error.what());
  }
  pump();
  note_unused();
}

void Queue::give_back(TicketId lease, bool failed, std::optional<double> took) noexcept {
  const MutexLock lock(mutex_);
  if (failed) {
    const std::string& model = dispatcher_.model_of(lease);
    if (is_resident(dispatcher_.state(model))) {
      log::error("host", "'{}' computes no more; it goes", model);
      reasons_[model] = "it computed no more";
      dispatcher_.lost(model);
    }
  }
  end_lease(lease, took);
}

void Queue::give_back_outdated(TicketId lease) noexcept {
  const MutexLock lock(mutex_);
  dispatcher_.outdated(dispatcher_.model_of(lease));
  end_lease(lease, {});
}

void Queue::given_up(const std::string& model, const Error& why) noexcept {
  const MutexLock lock(mutex_);
  if (!dispatcher_.knows(model)) return;
  reasons_[model] = why.what();
  dispatcher_.given_up(model, why);
  pump();
}

void Queue::retry(const std::string& model) {
  const MutexLock lock(mutex_);
  dispatcher_.retry(model);
}

void Queue::unload(const std::string& model) {
  const MutexLock lock(mutex_);
  if (dispatcher_.is_pinned(model)) throw Error(ErrorCode::usage, fmt::format("'{}' is pinned; unpin it first", model));
  dispatcher_.let_go(model);
  pump();
}

void Queue::pin(const std::string& model, bool pinned) {
  const MutexLock lock(mutex_);
  dispatcher_.pin(model, pinned);
  pump();
}

void Queue::set_time_to_live(const std::string& model, std::optional<std::chrono::milliseconds> idle) {
  const MutexLock lock(mutex_);
  dispatcher_.set_time_to_live(model, idle);
  pump();
}

void Queue::note_unused() noexcept {
  if (ending_.stop_requested() && is_unused()) unused_.notify_all();
}

bool Queue::is_unused() const { return waiters_.empty() && dispatcher_.leases() == 0; }

void Queue::close() {
  const MutexLock lock(mutex_);
  ending_.request_stop();
  dispatcher_.withdraw_all();
  for (auto& [ticket, waiter] : waiters_) {
    if (!waiter.granted && !waiter.refused) waiter.refused = Error(ErrorCode::cancelled, "the host is ending");
    waiter.news.notify_all();
  }
  pump();
}

void Queue::wait_until_unused() {
  MutexLock lock(mutex_);
  while (!is_unused()) unused_.wait(lock);
}

std::vector<std::shared_ptr<Resident>> Queue::take_residents() {
  const MutexLock lock(mutex_);
  std::vector<std::shared_ptr<Resident>> out;
  for (auto& [name, resident] : std::exchange(residents_, {})) out.push_back(std::move(resident));
  return out;
}

// --- decisions ---

// Never throws: it is called by whoever gives something back, and by the Loader.
void Queue::pump() noexcept {
  std::vector<Decision> decisions;
  try {
    if (dispatcher_.needs_capacity()) observer_.look_at_devices(capacity_);
    decisions = dispatcher_.decide(capacity_, *policy_, clock_.now());
  } catch (const std::exception& error) {
    log::error("host", "what to do next could not be decided: {}", error.what());
    decisions = dispatcher_.give_up(ErrorCode::internal, error.what(), clock_.now());
  } catch (...) {
    log::error("host", "what to do next could not be decided");
    decisions = dispatcher_.give_up(ErrorCode::internal, "the eviction policy threw something unknown", clock_.now());
  }
  const auto without_throwing = [](const auto& step) {
    try {
      step();
    } catch (const std::exception& error) {
      log::error("host", "a decision could not be carried out: {}", error.what());
    } catch (...) {
      log::error("host", "a decision could not be carried out");
    }
  };
  for (const Decision& decision : decisions) {
    without_throwing([&] {
      mutex_.assert_held();
      carry_out(decision);
    });
  }
  stop_unwanted_load();
  without_throwing([&] { observer_.decided(); });
  notify();
}

void Queue::grant(const Grant& grant) {
  const auto waiter = waiters_.find(grant.ticket);
  if (waiter == waiters_.end()) return;  // wanted by the host itself
  if (waiter->second.needs_slot) waiter->second.resident = residents_.at(grant.model);
  waiter->second.granted = true;
  waiter->second.news.notify_all();
}

void Queue::refuse(const Refuse& refuse) {
  if (const auto waiter = waiters_.find(refuse.ticket); waiter != waiters_.end()) {
    waiter->second.refused = Error(refuse.code, refuse.why, refuse.numbers);
    waiter->second.news.notify_all();
  }
  const bool is_here = dispatcher_.knows(refuse.model);  // else it has just left the fleet
  observer_.refused(refuse.model, is_here ? dispatcher_.state(refuse.model) : ModelState::absent, refuse.why);
}

void Queue::postpone(const Postpone& postpone) {
  if (const auto waiter = waiters_.find(postpone.ticket); waiter != waiters_.end())
    waiter->second.short_of = Error(ErrorCode::out_of_device_memory, postpone.why, postpone.numbers);
  log::warn("host", "{}; it is loaded when they give it back", postpone.why);
  observer_.refused(postpone.model, dispatcher_.state(postpone.model), postpone.why);
}

void Queue::preempt(const Preempt& preempt) {
  const auto lease = give_way_.find(preempt.lease);
  if (lease == give_way_.end()) return;
  log::info("host", "a request for '{}' gives way to one of a higher priority", preempt.model);
  (void)lease->second.request_stop();
}

void Queue::carry_out(const Decision& decision) {
  if (const auto* moved = std::get_if<Moved>(&decision))
    observer_.moved(*moved, std::exchange(reasons_[moved->model], {}));
  else if (const auto* granted = std::get_if<Grant>(&decision))
    grant(*granted);
  else if (const auto* refused = std::get_if<Refuse>(&decision))
    refuse(*refused);
  else if (const auto* postponed = std::get_if<Postpone>(&decision))
    postpone(*postponed);
  else if (const auto* preempted = std::get_if<Preempt>(&decision))
    preempt(*preempted);
  else if (const auto* asked = std::get_if<AskOthers>(&decision))
    observer_.ask_others(*asked);
  else
    tasks_.push_back(decision);
}

void Queue::stop_unwanted_load() {
  if (!loading_ || dispatcher_.is_wanted(loading_->model) || !loading_->stop.request_stop()) return;
  log::info("host", "nobody waits for '{}' any more: its load is stopped", loading_->model);
}

void Queue::notify() noexcept {
  if (!tasks_.empty() || dispatcher_.next_look() != loader_wakes_at_) work_.notify_one();
  for (auto& [ticket, waiter] : waiters_) {
    if (waiter.wants_place) waiter.news.notify_all();
  }
}

// --- the Loader's side ---

std::optional<Job> Queue::take_job() {
  if (auto call = take_call()) return Job{.task = BetweenJobs{std::move(call)}};
  if (tasks_.empty()) return std::nullopt;
  const Decision task = std::move(tasks_.front());
  tasks_.pop_front();
  if (const auto* load = std::get_if<Load>(&task)) {
    loading_ = {.model = load->model, .stop = {}};
    stop_unwanted_load();
    return Job{.task = *load, .stop = loading_->stop.get_token()};
  }
  const auto& evict = std::get<Evict>(task);
  std::shared_ptr<Resident> resident = std::exchange(residents_.at(evict.model), nullptr);
  residents_.erase(evict.model);
  Tokens& tokens = tokens_before_[evict.model];
  tokens.computed += resident->tokens_computed();
  tokens.generated += resident->tokens_generated();
  return Job{.task = evict, .stop = ending_.get_token(), .resident = std::move(resident)};
}

std::optional<Job> Queue::next_at_once() {
  const MutexLock lock(mutex_);
  return take_job();
}

std::optional<Job> Queue::next(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  while (!stop.stop_requested()) {
    if (auto job = take_job()) return job;
    const Dispatcher::Time now = clock_.now();
    dispatcher_.mend_times(now);
    loader_wakes_at_ = dispatcher_.next_look();
    const auto has_news = [&] {
      mutex_.assert_held();
      return !tasks_.empty() || !calls_.empty() || dispatcher_.next_look() != loader_wakes_at_;
    };
    if (loader_wakes_at_) {  // so long, whatever the clock is set to meanwhile
      (void)work_.wait_for(lock, stop, *loader_wakes_at_ - now, has_news);
    } else {
      (void)work_.wait(lock, stop, has_news);
    }
    if (tasks_.empty() && calls_.empty() && !stop.stop_requested())
      pump();  // a time to live is over, or memory may have come back
  }
  return std::nullopt;
}

void Queue::warming(const std::string& model) {
  const MutexLock lock(mutex_);
  if (dispatcher_.state(model) == ModelState::loading) dispatcher_.warming(model);  // not where it is tried again
  pump();
}

void Queue::apply(Loaded loaded) {
  outrun_.erase(loaded.model);
  residents_[loaded.model] = std::move(loaded.resident);
  dispatcher_.loaded(loaded.model, clock_.now(), std::chrono::milliseconds(std::llround(loaded.ms)));
}

// Who came for it after it was stopped is not to hear of that: it is loaded again.
void Queue::apply(const Failed& failed) {
  reasons_[failed.model] = failed.why.what();
  const bool was_stopped = loading_ && loading_->stop.stop_requested() && failed.why.code() == ErrorCode::cancelled;
  if (was_stopped || may_try_again(failed))
    dispatcher_.load_stopped(failed.model);
  else
    dispatcher_.load_failed(failed.model, clock_.now(), failed.why);
}

void Queue::apply(const Replanned& replanned) {
  for (const plan::ModelPlan& plan : replanned.plans) capacity_.replace(plan);
  const plan::ModelPlan& plan = capacity_.plan_of(replanned.model);
  reasons_[replanned.model] = "planned anew";
  dispatcher_.replanned(replanned.model, slots_of(plan));
  dispatcher_.expect_load_time(replanned.model, guessed_load_time(plan));
}

void Queue::apply(const Evicted& evicted) {
  if (!evicted.whom_for.empty()) reasons_[evicted.model] = fmt::format("for '{}'", evicted.whom_for);
  dispatcher_.evicted(evicted.model, clock_.now());
  if (evicted.successor) succeed(evicted.model, *evicted.successor);
}

void Queue::finished(Outcome outcome) noexcept {
  const MutexLock lock(mutex_);
  try {
    std::visit(
        [&](auto& what) {
          mutex_.assert_held();
          apply(std::move(what));
        },
        outcome);
  } catch (const std::exception& error) {
    log::error("host", "what became of a load or an eviction could not be noted: {}", error.what());
    fail_what_was_loading(error.what());
  }
  loading_.reset();
  pump();
}

// Else it would be loading for ever, and since there is one load at a time, nothing else would ever be loaded.
void Queue::fail_what_was_loading(const char* why) noexcept {
  try {
    if (!loading_) return;
    const std::string& model = loading_->model;
    const ModelState state = dispatcher_.state(model);
    if (state != ModelState::loading && state != ModelState::warming) return;
    reasons_[model] = why;
    dispatcher_.load_failed(model, clock_.now(), Error(ErrorCode::internal, why));
  } catch (const std::exception& error) {
    log::error("host", "that a load failed could not be noted either: {}", error.what());
  }
}

void Queue::set_runtimes(const RuntimeFigures& figures) {
  const MutexLock lock(mutex_);
  for (const ModelRuntime& one : figures) capacity_.set_runtime(one.model, one.device, one.figure);
}

}  // namespace plimsoll::host
