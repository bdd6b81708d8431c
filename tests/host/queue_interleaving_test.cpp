// The host's machine under whatever may happen, in whatever order, with a double in the engine's place: one thread that
// takes random steps, so that a seed reproduces them; then many threads at once.
//
// PLIMSOLL_INTERLEAVING_STEPS (300000) and PLIMSOLL_INTERLEAVING_SEED (1) ask for more, and for others.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <thread>

#include "base/log.hpp"

#include "queue.hpp"
#include "resident.hpp"

namespace plimsoll::host {
namespace {

constexpr std::uint64_t kBudget = 100;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
}

plan::ModelPlan plan_of(const std::string& name, std::uint64_t bytes) {
  plan::ModelPlan plan;
  plan.name = name;
  plan.entries.push_back(
      {.device = device::DeviceId{"GPU0"}, .buffer = "GPU0", .stage = memory::Stage::weights, .bytes = Bytes{bytes}});
  plan.dry_run.context.n_seq_max = 2;
  return plan;
}

plan::DeviceState device_with(std::uint64_t budget) {
  plan::DeviceState device;
  device.info.id = device::DeviceId{"GPU0"};
  device.budget = memory::Budget{.bytes = Bytes{budget}};
  return device;
}

FreeCapacity capacity_of(const std::map<std::string, std::uint64_t>& sizes) {
  std::vector<plan::ModelPlan> plans;
  for (const auto& [name, bytes] : sizes) plans.push_back(plan_of(name, bytes));
  return {std::move(plans), {device_with(kBudget)}};
}

struct Quiet {
  Quiet() { log::set_level(log::Level::off); }
  ~Quiet() { log::set_level(before); }
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

// A host without an engine, from its beginning to its end.
class Episode {
 public:
  explicit Episode(std::mt19937_64& random) : random_(random) {
    const std::size_t models = 2 + below(4);
    for (std::size_t i = 0; i < models; ++i) {
      const std::string name(1, static_cast<char>('a' + i));
      names_.push_back(name);
      sizes_[name] = 10 + below(100);
      rules_.push_back({.name = name, .slots = 2, .pinned = below(6) == 0});
      if (below(4) == 0) rules_.back().time_to_live = std::chrono::milliseconds(50);
    }
    has_claims_ = below(2) == 0;
    queue_.emplace(rules_, capacity_of(sizes_), std::make_shared<Moody>(random_), 20, clock_, observer_,
                   std::chrono::milliseconds(100));
    if (below(4) == 0) {
      host_wants_ = true;
      queue_->want(any_model());
    }
  }

  void step() {
    clock_.advance(std::chrono::milliseconds(below(20)));
    switch (below(20)) {
      case 19:
        return has_claims_ ? give_way() : work();
      case 0:
      case 1:
      case 2:
        return ask();
      case 3:
        return withdraw();
      case 4:
      case 5:
        return collect();
      case 6:
      case 7:
      case 8:
        return give_back();
      case 9:
        return unload_or_pin();
      case 10: {
        const std::string model = any_model();
        if (queue_->has(model)) queue_->retry(model);
        return;
      }
      case 11:
        return ask_for_more();
      case 12:
        return change_fleet();
      default:
        return work();
    }
  }

  // Nobody asks any more: loads work, leases end, and everybody has been answered.
  void calm_down() {
    for (const std::string& name : names_) {
      if (queue_->has(name)) queue_->pin(name, false);
    }
    for (int i = 0; i < 1000 && !(requests_.empty() && leases_.empty() && !job_); ++i) {
      clock_.advance(std::chrono::seconds(1));
      if (!job_) begin_job();
      if (job_) finish_well();
      while (!leases_.empty()) give_back_one(0, false, false);
      collect();
    }
    EXPECT_TRUE(requests_.empty()) << description();
    EXPECT_TRUE(leases_.empty());
  }

  [[nodiscard]] std::string description() const {
    std::string out;
    for (const ModelStatus& model : queue_->status(names_)) {
      out += fmt::format("{} of {}: {}{}, {} leases, {} wait\n", model.name, sizes_.at(model.name),
                         to_string(model.state), model.pinned ? ", pinned" : "", model.leases, model.waiting);
    }
    for (const Asked& asked : requests_) out += fmt::format("waits for {}\n", asked.model);
    return out + (job_ ? "a job\n" : "no job\n");
  }

  void shut_down() {
    queue_->close();
    collect();
    EXPECT_TRUE(requests_.empty()) << "somebody still waits for a host that ends";
    while (!leases_.empty()) give_back_one(0, false, false);
    if (job_) {
      const bool is_load = std::holds_alternative<Load>(job_->task);
      EXPECT_TRUE(!is_load || job_->stop.stop_requested());
      finish_well();
    }
    queue_->wait_until_unused();
    queue_->take_residents().clear();
    for (const auto& resident : residents_) EXPECT_TRUE(resident.expired());
  }

  void check() {
    std::uint64_t held = 0;
    std::size_t unanswered = 0;
    std::map<std::string, std::size_t> leases;
    for (const Leased& lease : leases_) ++leases[lease.model];
    std::map<std::string, std::size_t> wanted;
    for (const auto& request : requests_) {
      if (request.ticket->holds_slot()) ++leases[request.model];
      if (request.ticket->is_answered()) continue;
      ++unanswered;
      ++wanted[request.model];
    }
    for (const ModelStatus& model : queue_->status(names_)) {
      if (is_resident(model.state)) held += sizes_[model.name];
      ASSERT_EQ(model.leases, leases[model.name]) << model.name;
      ASSERT_LE(model.leases, model.slots);
      if (model.leases > 0) {
        ASSERT_TRUE(model.state == ModelState::ready || model.state == ModelState::draining) << to_string(model.state);
      }
    }
    most_held_ = std::max(budget_, std::min(most_held_, held));
    ASSERT_LE(held, most_held_) << "a budget of " << budget_;
    if (!host_wants_) {
      ASSERT_EQ(queue_->waiting(), unanswered);
    }
    if (!job_) return;
    ASSERT_FALSE(queue_->next_at_once()) << "there is one job at a time";
    const auto* load = std::get_if<Load>(&job_->task);
    if (load != nullptr && wanted[load->model] == 0 && !host_wants_ && !by_hand_.contains(load->model)) {
      ASSERT_TRUE(job_->stop.stop_requested()) << "nobody waits for " << load->model;
    }
  }

 private:
  struct Leased {
    TicketId number;
    std::string model;
    std::stop_source give_way;
  };
  struct Asked {
    std::string model;
    bool needs_slot;
    std::stop_source give_way;
    std::unique_ptr<Queue::Request> ticket;
  };

  std::size_t below(std::size_t count) { return random_() % count; }
  const std::string& any_model() { return names_[below(names_.size())]; }

  void ask() {
    const std::string model = any_model();
    const bool needs_slot = below(8) != 0;
    if (!needs_slot) by_hand_.insert(model);
    const bool is_in_fleet = queue_->has(model);
    try {
      AcquireOptions how{.when_busy = below(4) == 0 ? WhenBusy::refuse : WhenBusy::wait};
      const std::stop_source give_way;
      if (has_claims_) {
        how.claim = {.tenant = std::string(1, static_cast<char>('x' + below(3))),
                     .weight = 1.0 + static_cast<double>(below(3)),
                     .priority = static_cast<int>(below(3)),
                     .cost = static_cast<double>(below(100))};
        if (below(2) == 0) how.give_way = give_way;
      }
      auto ticket = std::make_unique<Queue::Request>(*queue_, model, how, needs_slot);
      requests_.push_back(
          {.model = model, .needs_slot = needs_slot, .give_way = give_way, .ticket = std::move(ticket)});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), is_in_fleet ? ErrorCode::busy : ErrorCode::usage) << error.what();  // the queue is full
    }
  }

  void withdraw() {
    if (!requests_.empty()) requests_.erase(requests_.begin() + static_cast<std::ptrdiff_t>(below(requests_.size())));
  }

  void collect() {
    std::erase_if(requests_, [&](Asked& asked) {
      if (!asked.ticket->is_answered()) return false;
      try {
        const Queue::Granted granted = asked.ticket->wait();
        EXPECT_EQ(granted.resident != nullptr, asked.needs_slot);
        if (asked.needs_slot) {
          EXPECT_EQ(granted.resident->name, asked.model);
          leases_.push_back({.number = granted.lease, .model = asked.model, .give_way = asked.give_way});
        }
      } catch (const Error&) {  // refused
      }
      return true;
    });
  }

  void give_back_one(std::size_t index, bool failed, bool outdated) {
    const TicketId lease = leases_[index].number;
    leases_.erase(leases_.begin() + static_cast<std::ptrdiff_t>(index));
    outdated ? queue_->give_back_outdated(lease) : queue_->give_back(lease, failed, below(100));
  }

  // One that was asked to, else any.
  void give_way() {
    if (leases_.empty()) return;
    const auto asked_to =
        std::ranges::find_if(leases_, [](const Leased& one) { return one.give_way.stop_requested(); });
    const auto one =
        asked_to != leases_.end() ? asked_to : leases_.begin() + static_cast<std::ptrdiff_t>(below(leases_.size()));
    const Leased lease = *one;
    leases_.erase(one);
    const std::stop_source anew;
    requests_.push_back(
        {.model = lease.model,
         .needs_slot = true,
         .give_way = anew,
         .ticket = std::make_unique<Queue::Request>(*queue_, lease.number, AcquireOptions{.give_way = anew})});
  }

  // Somebody who has a slot wants another one: it is there, or it is not. Nobody who waits is passed.
  void ask_for_more() {
    if (leases_.empty()) return;
    const std::string model = leases_[below(leases_.size())].model;
    const bool somebody_waits = std::ranges::any_of(requests_, [&](const Asked& asked) {
      return asked.model == model && asked.needs_slot && !asked.ticket->is_answered();
    });
    const std::optional<Queue::Granted> granted = queue_->another(model);
    if (!granted) return;
    EXPECT_FALSE(somebody_waits);
    EXPECT_EQ(granted->resident->name, model);
    leases_.push_back({.number = granted->lease, .model = model, .give_way = {}});
  }

  void give_back() {
    if (!leases_.empty()) give_back_one(below(leases_.size()), below(20) == 0, below(20) == 0);
  }

  void unload_or_pin() {
    const std::string model = any_model();
    if (!queue_->has(model)) return;
    if (below(2) == 0) return queue_->pin(model, below(3) == 0);
    try {
      queue_->unload(model);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);  // pinned
    }
  }

  // Between two jobs: models come, become others and go, and so does the budget.
  void change_fleet() {
    if (job_) return;
    budget_ = below(3) == 0 ? 40 + below(kBudget - 40) : kBudget;
    FleetChange change{.comes = {}, .goes = {}, .rules = {}, .devices = {device_with(budget_)}};
    std::map<std::string, std::uint64_t> sizes;
    for (const std::string& name : names_) {
      const ModelRules rules{.name = name, .slots = 2, .pinned = below(6) == 0};
      const std::size_t what = below(6);
      if (queue_->has(name) && what == 0 && name != names_.front()) {
        change.goes.push_back(name);
      } else if (queue_->has(name) && what == 1) {
        change.rules.push_back(rules);
      } else if (what == 2 || (!queue_->has(name) && what < 5)) {
        sizes[name] = 10 + below(100);
        change.comes.push_back({.rules = rules, .plans = {plan_of(name, sizes[name])}});
      }
    }
    const std::set<std::string> held = queue_->change_fleet(change);
    for (const std::string& name : change.goes) {
      if (held.contains(name)) successors_[name] = {};
      by_hand_.erase(name);
    }
    for (const ModelChange& model : change.comes) {
      if (held.contains(model.name()))
        successors_[model.name()] = {.model = model};
      else
        sizes_[model.name()] = sizes[model.name()];
    }
    for (const ModelStatus& model : queue_->status(names_)) {
      const bool waits = held.contains(model.name);
      ASSERT_TRUE(!waits || is_resident(model.state)) << model.name << " is " << to_string(model.state);
    }
  }

  [[nodiscard]] std::optional<Successor> successor_of(const std::string& model) {
    const auto found = successors_.find(model);
    if (found == successors_.end()) return std::nullopt;
    const Successor out = found->second;
    successors_.erase(found);
    if (out.model) sizes_[model] = out.model->plans.front().entries.front().bytes.value();
    return out;
  }

  void begin_job() {
    job_ = queue_->next_at_once();
    if (job_ && std::holds_alternative<Evict>(job_->task)) {
      ASSERT_TRUE(job_->resident);
      ASSERT_EQ(job_->resident.use_count(), 1) << "somebody has a lease of it";
    }
  }

  void finish(Outcome outcome) {
    by_hand_.clear();
    for (const Asked& asked : requests_) {
      if (!asked.needs_slot) by_hand_.insert(asked.model);
    }
    job_.reset();
    queue_->finished(std::move(outcome));
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
    queue_->warming(resident->name);
    finish(Loaded{.model = resident->name, .resident = resident, .ms = 10});
  }

  void work() {
    if (!job_) return begin_job();
    const auto* load = std::get_if<Load>(&job_->task);
    if (load == nullptr) return finish_well();
    const std::string model = load->model;
    const bool is_stopped = job_->stop.stop_requested();
    switch (below(8)) {
      case 0:
        return queue_->warming(model);
      case 1:
        return finish(Failed{.model = model, .why = {ErrorCode::out_of_device_memory, "no memory"}});
      case 2:
        return finish(Failed{.model = model, .why = {ErrorCode::model_unusable, "a broken file"}});
      case 3: {
        sizes_[model] = 10 + below(100);
        return finish(Replanned{.model = model, .plans = {plan_of(model, sizes_[model])}});
      }
      default:
        if (is_stopped && below(4) != 0)
          return finish(Failed{.model = model, .why = {ErrorCode::cancelled, "stopped"}});
        finish_well();
    }
  }

  std::mt19937_64& random_;
  ManualClock clock_;
  Deaf observer_;
  std::vector<std::string> names_;
  std::vector<ModelRules> rules_;
  std::map<std::string, std::uint64_t> sizes_;
  std::optional<Queue> queue_;
  std::vector<Asked> requests_;
  std::vector<Leased> leases_;
  bool has_claims_ = false;
  std::optional<Job> job_;
  std::vector<std::weak_ptr<Resident>> residents_;
  std::set<std::string> by_hand_;                // asked for without a slot: their loads may go on unwanted
  std::map<std::string, Successor> successors_;  // of models that hold their memory still
  std::uint64_t budget_ = kBudget;
  std::uint64_t most_held_ = kBudget;  // until enough have gone, a smaller budget is passed
  bool host_wants_ = false;
};

TEST(QueueInterleavingTest, WhateverHappensNoTicketIsLostAndEverythingIsGivenBack) {
  const Quiet quiet;
  const std::uint64_t steps = number_from("PLIMSOLL_INTERLEAVING_STEPS", 300'000);
  const std::uint64_t seed = number_from("PLIMSOLL_INTERLEAVING_SEED", 1);
  constexpr std::uint64_t kStepsOfAnEpisode = 500;
  for (std::uint64_t done = 0; done < steps; done += kStepsOfAnEpisode) {
    std::mt19937_64 random(seed + done);
    Episode episode(random);
    for (std::uint64_t step = 0; step < kStepsOfAnEpisode; ++step) {
      episode.step();
      episode.check();
      ASSERT_FALSE(HasFailure()) << "PLIMSOLL_INTERLEAVING_SEED=" << seed + done << ", step " << step;
    }
    if (random() % 2 == 0) episode.calm_down();
    episode.shut_down();
    ASSERT_FALSE(HasFailure()) << "PLIMSOLL_INTERLEAVING_SEED=" << seed + done << ", at the end";
  }
}

TEST(QueueInterleavingTest, ThreadsThatAskForThreeModelsUnderABudgetForTwoAllGetThem) {
  const Quiet quiet;
  constexpr int kThreads = 4;
  constexpr int kRequests = 500;
  const SystemClock clock;
  Deaf observer;
  const std::map<std::string, std::uint64_t> sizes{{"a", 50}, {"b", 50}, {"c", 50}};
  Queue queue({{.name = "a", .slots = 2}, {.name = "b", .slots = 2}, {.name = "c", .slots = 2}}, capacity_of(sizes),
              std::make_shared<LeastRecentlyUsed>(), 100, clock, observer);
  std::jthread loader([&](const std::stop_token& stop) {
    while (auto job = queue.next(stop)) {
      if (const auto* evict = std::get_if<Evict>(&job->task)) {
        EXPECT_EQ(job->resident.use_count(), 1);
        queue.finished(Evicted{.model = evict->model, .whom_for = evict->whom_for});
        continue;
      }
      auto resident = std::make_shared<Resident>();
      resident->name = std::get<Load>(job->task).model;
      queue.warming(resident->name);
      queue.finished(Loaded{.model = resident->name, .resident = resident, .ms = 1});
    }
  });
  std::atomic<int> granted = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        std::mt19937 random(static_cast<unsigned>(thread));
        for (int i = 0; i < kRequests; ++i) {
          const std::string model(1, static_cast<char>('a' + random() % 3));
          TicketId lease = 0;
          {
            Queue::Request request(queue, model, {}, true);
            const Queue::Granted slot = request.wait();
            EXPECT_EQ(slot.resident->name, model);
            lease = slot.lease;
            ++granted;
          }
          queue.give_back(lease, false);
        }
      });
    }
  }
  EXPECT_EQ(granted, kThreads * kRequests);
  queue.close();
  queue.wait_until_unused();
}

}  // namespace
}  // namespace plimsoll::host
