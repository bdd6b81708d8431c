// How the queue takes another fleet over, and what the Loader is asked to do between two jobs.
#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.hpp"

#include "queue.hpp"

namespace plimsoll::host {

// --- between two jobs ---

struct Queue::Call {
  const std::function<void()>& work;
  bool has_begun = false;
  bool is_done = false;
  std::exception_ptr thrown{};
  std::condition_variable_any news{};
};

bool Queue::between_jobs(const std::function<void()>& work, const std::set<std::string>& not_to_be_loaded,
                         const std::stop_token& stop) {
  Call call{.work = work};
  MutexLock lock(mutex_);
  calls_.push_back(&call);
  work_.notify_one();
  if (loading_ && not_to_be_loaded.contains(loading_->model) && loading_->stop.request_stop())
    log::info("host", "'{}' becomes another model: its load is stopped", loading_->model);
  const auto is_over = [&] { return call.has_begun; };
  if (!call.news.wait(lock, stop, is_over)) {
    std::erase(calls_, &call);
    return false;
  }
  while (!call.is_done) call.news.wait(lock);
  if (call.thrown) std::rethrow_exception(call.thrown);
  return true;
}

std::function<void()> Queue::take_call() {
  if (calls_.empty()) return {};
  Call* const call = calls_.front();
  calls_.pop_front();
  call->has_begun = true;
  return [this, call] {
    std::exception_ptr thrown;
    try {
      call->work();
    } catch (...) {
      thrown = std::current_exception();
    }
    const MutexLock lock(mutex_);
    call->thrown = thrown;
    call->is_done = true;
    call->news.notify_all();
  };
}

// --- another fleet ---

// Loads that have not begun: whether they fit, and who goes for them, is decided once more. Evictions stay.
void Queue::take_back_loads() {
  std::erase_if(tasks_, [&](const Decision& task) {
    mutex_.assert_held();
    const auto* load = std::get_if<Load>(&task);
    if (load != nullptr) dispatcher_.load_stopped(load->model);
    return load != nullptr;
  });
}

// Who was to go for it goes for nobody.
void Queue::forget_whom_for(const std::string& model) {
  for (Decision& task : tasks_) {
    auto* const evict = std::get_if<Evict>(&task);
    if (evict != nullptr && evict->whom_for == model) evict->whom_for.clear();
  }
}

void Queue::put_in_place(const ModelChange& model) {
  capacity_.exchange(model.name(), model.plans, model.draft());
  dispatcher_.knows(model.name()) ? dispatcher_.renew(model.rules) : dispatcher_.add(model.rules);
  dispatcher_.expect_load_time(model.name(), guessed_load_time(model.plans.front()));
  if (const auto why = capacity_.unusable(model.name())) fail_unusable(model.name(), *why);
}

void Queue::drop(const std::string& model) {
  capacity_.exchange(model, {}, std::nullopt);
  dispatcher_.forget(model);
  tokens_before_.erase(model);
  reasons_.erase(model);
}

void Queue::set_policy(std::shared_ptr<const EvictionPolicy> policy) {
  const MutexLock lock(mutex_);
  policy_ = std::move(policy);
}

std::set<std::string> Queue::change_fleet(const FleetChange& change) {
  const MutexLock lock(mutex_);
  std::set<std::string> held;
  const auto is_held = [&](const std::string& model) {
    mutex_.assert_held();
    if (!residents_.contains(model)) return false;
    reasons_[model] = "the fleet was changed";
    dispatcher_.outdated(model);
    held.insert(model);
    return true;
  };
  take_back_loads();
  capacity_.set_devices(change.devices);
  capacity_.set_most_models(change.most_models);
  for (const std::string& model : change.goes) {
    dispatcher_.retire(model);
    forget_whom_for(model);
    if (!is_held(model)) drop(model);
  }
  for (const ModelChange& model : change.comes) {
    if (!is_held(model.name())) {
      put_in_place(model);
      continue;
    }
    ModelRules rules = model.rules;  // it may be one that was to go
    rules.slots = dispatcher_.rules(model.name()).slots;
    dispatcher_.add(rules);
  }
  for (const ModelRules& rules : change.rules) dispatcher_.set_rules(rules);
  try {
    dispatcher_.shrink(capacity_, *policy_, clock_.now());
  } catch (const std::exception& error) {  // a policy of somebody's own
    log::error("host", "what has to go within the new limits could not be decided: {}", error.what());
  } catch (...) {
    log::error("host", "what has to go within the new limits could not be decided");
  }
  pump();
  return held;
}

bool Queue::has(const std::string& model) const {
  const MutexLock lock(mutex_);
  return dispatcher_.knows(model) && !std::ranges::contains(dispatcher_.retired(), model);
}

ModelRules Queue::rules(const std::string& model) const {
  const MutexLock lock(mutex_);
  return dispatcher_.rules(model);
}

void Queue::succeed(const std::string& model, const Successor& successor) {
  if (successor.model)
    put_in_place(*successor.model);
  else
    drop(model);
}

}  // namespace plimsoll::host
