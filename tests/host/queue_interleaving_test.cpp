// The host's machine under whatever may happen, in whatever order, with a double in the engine's place: one thread that
// takes random steps, so that a seed reproduces them; then many threads at once.
//
// PLIMSOLL_INTERLEAVING_STEPS (300000) and PLIMSOLL_INTERLEAVING_SEED (1) ask for more, and for others.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <thread>

#include "queue_clients.hpp"
#include "queue_loader.hpp"
#include "queue_world.hpp"

namespace plimsoll::host {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
}

// A host without an engine, from its beginning to its end.
class Episode {
 public:
  explicit Episode(std::mt19937_64& random) : world_(random) {}

  void step() {
    world_.clock.advance(std::chrono::milliseconds(world_.below(20)));
    switch (world_.below(20)) {
      case 19:
        return world_.has_claims ? clients_.give_way() : loader_.work();
      case 0:
      case 1:
      case 2:
        return clients_.ask();
      case 3:
        return clients_.withdraw();
      case 4:
      case 5:
        return clients_.collect();
      case 6:
      case 7:
      case 8:
        return clients_.give_back();
      case 9:
        return unload_or_pin();
      case 10: {
        const std::string model = world_.any_model();
        if (world_.queue().has(model)) world_.queue().retry(model);
        return;
      }
      case 11:
        return clients_.ask_for_more();
      case 12:
        return loader_.change_fleet();
      default:
        return loader_.work();
    }
  }

  // Nobody asks any more: loads work, leases end, and everybody has been answered.
  void calm_down() {
    for (const std::string& name : world_.names) {
      if (world_.queue().has(name)) world_.queue().pin(name, false);
    }
    for (int i = 0; i < 1000 && (clients_.has_requests() || clients_.has_leases() || loader_.job()); ++i) {
      world_.clock.advance(std::chrono::seconds(1));
      loader_.work_well();
      clients_.give_all_back();
      clients_.collect();
    }
    EXPECT_FALSE(clients_.has_requests()) << description();
    EXPECT_FALSE(clients_.has_leases());
  }

  void shut_down() {
    world_.queue().close();
    clients_.collect();
    EXPECT_FALSE(clients_.has_requests()) << "somebody still waits for a host that ends";
    clients_.give_all_back();
    if (const auto& job = loader_.job()) {
      const bool is_load = std::holds_alternative<Load>(job->task);
      EXPECT_TRUE(!is_load || job->stop.stop_requested());
      loader_.work_well();
    }
    world_.queue().wait_until_unused();
    world_.queue().take_residents().clear();
    loader_.expect_all_gone();
  }

  void check() {
    std::uint64_t held = 0;
    auto leases = clients_.leases();
    for (const ModelStatus& model : world_.status()) {
      if (is_resident(model.state)) held += world_.sizes[model.name];
      ASSERT_EQ(model.leases, leases[model.name]) << model.name;
      ASSERT_LE(model.leases, model.slots);
      if (model.leases > 0) {
        ASSERT_TRUE(model.state == ModelState::ready || model.state == ModelState::draining) << to_string(model.state);
      }
    }
    most_held_ = std::max(world_.budget, std::min(most_held_, held));
    ASSERT_LE(held, most_held_) << "a budget of " << world_.budget;
    check_who_waits();
  }

 private:
  void check_who_waits() {
    auto wanted = clients_.unanswered();
    if (!world_.host_wants) {
      std::size_t unanswered = 0;
      for (const auto& [model, count] : wanted) unanswered += count;
      ASSERT_EQ(world_.queue().waiting(), unanswered);
    }
    const auto& job = loader_.job();
    if (!job) return;
    ASSERT_FALSE(world_.queue().next_at_once()) << "there is one job at a time";
    const auto* load = std::get_if<Load>(&job->task);
    const bool is_wanted = load == nullptr || wanted[load->model] > 0 || clients_.is_loaded_by_hand(load->model);
    if (!is_wanted && !world_.host_wants) {
      ASSERT_TRUE(job->stop.stop_requested()) << "nobody waits for " << load->model;
    }
  }

  void unload_or_pin() {
    const std::string model = world_.any_model();
    if (!world_.queue().has(model)) return;
    if (world_.below(2) == 0) return world_.queue().pin(model, world_.below(3) == 0);
    try {
      world_.queue().unload(model);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);  // pinned
    }
  }

  [[nodiscard]] std::string description() const {
    std::string out;
    for (const ModelStatus& model : world_.status()) {
      out += fmt::format("{} of {}: {}{}, {} leases, {} wait\n", model.name, world_.sizes.at(model.name),
                         to_string(model.state), model.pinned ? ", pinned" : "", model.leases, model.waiting);
    }
    return out + clients_.description() + (loader_.job() ? "a job\n" : "no job\n");
  }

  QueueWorld world_;
  QueueClients clients_{world_};
  QueueLoader loader_{world_, clients_};
  std::uint64_t most_held_ = kBudget;  // until enough have gone, a smaller budget is passed
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
              std::make_shared<Balanced>(), 100, clock, observer);
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
