// QueueLoader: what loads and evicts for a queue, as the host's thread does, well or not; and the fleet that becomes
// another one between two of its jobs.
#pragma once
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "queue_clients.hpp"
#include "queue_world.hpp"

namespace plimsoll::host {

class QueueLoader {
 public:
  QueueLoader(QueueWorld& world, QueueClients& clients) : world_(world), clients_(clients) {}

  [[nodiscard]] const std::optional<Job>& job() const { return job_; }

  // A step of a load, or of an eviction, whatever comes of it.
  void work() {
    if (!job_) return begin_job();
    const auto* load = std::get_if<Load>(&job_->task);
    if (load == nullptr) return finish_well();
    const std::string model = load->model;
    const bool is_stopped = job_->stop.stop_requested();
    switch (world_.below(8)) {
      case 0:
        return world_.queue().warming(model);
      case 1:
        return finish(Failed{.model = model, .why = {ErrorCode::out_of_device_memory, "no memory"}});
      case 2:
        return finish(Failed{.model = model, .why = {ErrorCode::model_unusable, "a broken file"}});
      case 3: {
        world_.sizes[model] = 10 + world_.below(100);
        return finish(Replanned{.model = model, .plans = {plan_of(model, world_.sizes[model])}});
      }
      default:
        if (is_stopped && world_.below(4) != 0)
          return finish(Failed{.model = model, .why = {ErrorCode::cancelled, "stopped"}});
        finish_well();
    }
  }

  void work_well() {
    if (!job_) begin_job();
    if (job_) finish_well();
  }

  // Between two jobs: models come, become others and go, and so does the budget.
  void change_fleet() {
    if (job_) return;
    world_.budget = world_.below(3) == 0 ? 40 + world_.below(kBudget - 40) : kBudget;
    FleetChange change{.comes = {}, .goes = {}, .rules = {}, .devices = {device_with(world_.budget)}};
    std::map<std::string, std::uint64_t> sizes;
    for (const std::string& name : world_.names) {
      const ModelRules rules{.name = name, .slots = 2, .pinned = world_.below(6) == 0};
      const std::size_t what = world_.below(6);
      const bool is_there = world_.queue().has(name);
      if (is_there && what == 0 && name != world_.names.front()) {
        change.goes.push_back(name);
      } else if (is_there && what == 1) {
        change.rules.push_back(rules);
      } else if (what == 2 || (!is_there && what < 5)) {
        sizes[name] = 10 + world_.below(100);
        change.comes.push_back({.rules = rules, .plans = {plan_of(name, sizes[name])}});
      }
    }
    follow(change, world_.queue().change_fleet(change), sizes);
  }

  void expect_all_gone() const {
    for (const auto& resident : residents_) EXPECT_TRUE(resident.expired());
  }

 private:
  void follow(const FleetChange& change, const std::set<std::string>& held,
              const std::map<std::string, std::uint64_t>& sizes) {
    for (const std::string& name : change.goes) {
      if (held.contains(name)) successors_[name] = {};
      clients_.model_goes(name);
    }
    for (const ModelChange& model : change.comes) {
      if (held.contains(model.name()))
        successors_[model.name()] = {.model = model};
      else
        world_.sizes[model.name()] = sizes.at(model.name());
    }
    for (const ModelStatus& model : world_.status()) {
      const bool waits = held.contains(model.name);
      ASSERT_TRUE(!waits || is_resident(model.state)) << model.name << " is " << to_string(model.state);
    }
  }

  [[nodiscard]] std::optional<Successor> successor_of(const std::string& model) {
    const auto found = successors_.find(model);
    if (found == successors_.end()) return std::nullopt;
    const Successor out = found->second;
    successors_.erase(found);
    if (out.model) world_.sizes[model] = out.model->plans.front().entries.front().bytes.value();
    return out;
  }

  void begin_job() {
    job_ = world_.queue().next_at_once();
    if (!job_ || !std::holds_alternative<Evict>(job_->task)) return;
    ASSERT_TRUE(job_->resident);
    ASSERT_EQ(job_->resident.use_count(), 1) << "somebody has a lease of it";
  }

  void finish(Outcome outcome) {
    clients_.a_load_ended();
    job_.reset();
    world_.queue().finished(std::move(outcome));
  }

  void finish_well() {
    if (const auto* evict = std::get_if<Evict>(&job_->task)) {
      const Evict task = *evict;
      return finish(
          Evicted{.model = task.model, .whom_for = task.whom_for, .ms = 0, .successor = successor_of(task.model)});
    }
    auto resident = std::make_shared<Resident>();
    resident->name = std::get<Load>(job_->task).model;
    residents_.push_back(resident);
    world_.queue().warming(resident->name);
    finish(Loaded{.model = resident->name, .resident = resident, .ms = 10});
  }

  QueueWorld& world_;
  QueueClients& clients_;
  std::optional<Job> job_;
  std::vector<std::weak_ptr<Resident>> residents_;
  std::map<std::string, Successor> successors_;  // of models that hold their memory still
};

}  // namespace plimsoll::host
