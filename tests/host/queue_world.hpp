// queue_world: a queue of the host with a double in the engine's place, its models, its clock and its devices, all
// drawn from one source of numbers, so that a seed reproduces them.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/log.hpp"

#include "manual_clock.hpp"
#include "queue.hpp"
#include "resident.hpp"

namespace plimsoll::host {

inline constexpr std::uint64_t kBudget = 100;

inline plan::ModelPlan plan_of(const std::string& name, std::uint64_t bytes) {
  plan::ModelPlan plan;
  plan.name = name;
  plan.entries.push_back(
      {.device = device::DeviceId{"GPU0"}, .buffer = "GPU0", .stage = memory::Stage::weights, .bytes = Bytes{bytes}});
  plan.dry_run.context.n_seq_max = 2;
  return plan;
}

inline plan::DeviceState device_with(std::uint64_t budget) {
  plan::DeviceState device;
  device.info.id = device::DeviceId{"GPU0"};
  device.budget = memory::Budget{.bytes = Bytes{budget}};
  return device;
}

inline FreeCapacity capacity_of(const std::map<std::string, std::uint64_t>& sizes) {
  std::vector<plan::ModelPlan> plans;
  for (const auto& [name, bytes] : sizes) plans.push_back(plan_of(name, bytes));
  return {std::move(plans), {device_with(kBudget)}};
}

struct Quiet {
  Quiet() { log::set_level(log::Level::off); }
  ~Quiet() { log::set_level(before); }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
  log::Level before = log::level();
};

struct Deaf final : QueueObserver {
  void look_at_devices(FreeCapacity&) override {}
  void moved(const Moved&, const std::string&) override {}
  void refused(const std::string&, ModelState, const std::string&) override {}
};

// Throws now and then.
class Moody final : public EvictionPolicy {
 public:
  explicit Moody(std::mt19937_64& random) : random_(random) {}
  [[nodiscard]] double regret(const Candidate&, Clock::TimePoint) const override {
    if (random_() % 500 == 0) throw std::runtime_error("a policy of somebody's own");
    return static_cast<double>(random_() % 8);
  }

 private:
  std::mt19937_64& random_;
};

class QueueWorld {
 public:
  explicit QueueWorld(std::mt19937_64& random) : random_(random) {
    const std::size_t models = 2 + below(4);
    for (std::size_t i = 0; i < models; ++i) {
      const std::string name(1, static_cast<char>('a' + i));
      names.push_back(name);
      sizes[name] = 10 + below(100);
      rules_.push_back({.name = name, .slots = 2, .pinned = below(6) == 0});
      if (below(4) == 0) rules_.back().time_to_live = std::chrono::milliseconds(50);
    }
    has_claims = below(2) == 0;
    queue_.emplace(rules_, capacity_of(sizes), std::make_shared<Moody>(random_), 20, clock, observer_,
                   std::chrono::milliseconds(100));
    if (below(4) != 0) return;
    host_wants = true;
    queue_->want(any_model());
  }

  std::size_t below(std::size_t count) { return random_() % count; }
  const std::string& any_model() { return names[below(names.size())]; }
  [[nodiscard]] Queue& queue() { return *queue_; }
  [[nodiscard]] std::vector<ModelStatus> status() const { return queue_->status(names); }

  test::ManualClock clock;
  std::vector<std::string> names;
  std::map<std::string, std::uint64_t> sizes;
  bool has_claims = false;  // requests name tenants and priorities
  bool host_wants = false;  // it has asked for a model itself
  std::uint64_t budget = kBudget;

 private:
  std::mt19937_64& random_;
  Deaf observer_;
  std::vector<ModelRules> rules_;
  std::optional<Queue> queue_;
};

}  // namespace plimsoll::host
