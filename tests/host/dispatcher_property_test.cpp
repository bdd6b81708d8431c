#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "host/dispatcher.hpp"

namespace plimsoll::host {
namespace {

// Whatever happens in whatever order: every request is answered once nobody holds a lease for ever, what is resident
// fits, and no busy or pinned model is evicted.
RC_GTEST_PROP(DispatcherProperty, NoRequestIsLostAndTheBudgetHolds, ()) {
  constexpr std::uint64_t kBudget = 100;
  std::vector<ModelRules> rules;
  std::vector<plan::ModelPlan> plans;
  const int count = *rc::gen::inRange(2, 6);
  for (int i = 0; i < count; ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    rules.push_back(
        {.name = name, .slots = *rc::gen::inRange<std::size_t>(1, 3), .pinned = *rc::gen::inRange(0, 5) == 0});
    plan::ModelPlan plan;
    plan.name = name;
    plan.entries.push_back({.device = device::DeviceId{"GPU0"},
                            .buffer = "GPU0",
                            .stage = memory::Stage::weights,
                            .bytes = Bytes{*rc::gen::inRange<std::uint64_t>(10, 110)}});
    plans.push_back(plan);
  }
  plan::DeviceState device;
  device.info.id = device::DeviceId{"GPU0"};
  device.budget = memory::Budget{.bytes = Bytes{kBudget}};
  const FreeCapacity capacity(plans, {device}, {}, *rc::gen::inRange<std::size_t>(0, 4));
  const Balanced policy;
  Dispatcher dispatcher(rules);
  Dispatcher::Time now{};
  std::set<TicketId> open;
  std::vector<std::string> leases;
  std::deque<Decision> tasks;

  const auto decide = [&] {
    for (const Decision& decision : dispatcher.decide(capacity, policy, now)) {
      if (const auto* grant = std::get_if<Grant>(&decision)) {
        RC_ASSERT(open.erase(grant->ticket) == 1U);
        RC_ASSERT(dispatcher.state(grant->model) == ModelState::ready ||
                  dispatcher.state(grant->model) == ModelState::draining);
        leases.push_back(grant->model);
      } else if (const auto* refuse = std::get_if<Refuse>(&decision)) {
        RC_ASSERT(open.erase(refuse->ticket) == 1U);
      } else if (const auto* evict = std::get_if<Evict>(&decision)) {
        RC_ASSERT(dispatcher.leases(evict->model) == 0U);
        RC_ASSERT(!dispatcher.is_pinned(evict->model));
        tasks.push_back(decision);
      } else if (std::holds_alternative<Load>(decision)) {
        RC_ASSERT(capacity.fits(dispatcher.resident()));
        tasks.push_back(decision);
      }
    }
    RC_ASSERT(tasks.size() <= 1U);
  };
  const auto work = [&] {
    if (tasks.empty()) return;
    const Decision task = tasks.front();
    tasks.pop_front();
    if (const auto* evict = std::get_if<Evict>(&task)) dispatcher.evicted(evict->model, now);
    if (const auto* load = std::get_if<Load>(&task)) {
      if (*rc::gen::inRange(0, 8) == 0) {
        dispatcher.load_failed(load->model, now, Error(ErrorCode::engine_failed, "no"));
      } else {
        dispatcher.warming(load->model);
        dispatcher.loaded(load->model, now, std::chrono::milliseconds(10));
      }
    }
    decide();
  };
  const auto give_back = [&](std::size_t index) {
    const std::string name = leases[index];
    leases.erase(leases.begin() + static_cast<std::ptrdiff_t>(index));
    dispatcher.give_back(name, now);
    decide();
  };

  for (int step = *rc::gen::inRange(0, 60); step > 0; --step) {
    now += std::chrono::milliseconds(*rc::gen::inRange(0, 20));
    const int what = *rc::gen::inRange(0, 10);
    if (what < 4) {
      const std::string name = rules[*rc::gen::inRange<std::size_t>(0, rules.size())].name;
      open.insert(dispatcher.ask(name, *rc::gen::inRange(0, 4) == 0 ? WhenBusy::refuse : WhenBusy::wait));
      decide();
    } else if (what < 6) {
      work();
    } else if (what < 9) {
      if (!leases.empty()) give_back(*rc::gen::inRange<std::size_t>(0, leases.size()));
    } else if (!open.empty()) {
      dispatcher.withdraw(*open.begin());
      open.erase(open.begin());
      decide();
    }
  }
  // Nobody asks any more: leases end, loads and evictions go on.
  for (int i = 0; i < 1000 && !(open.empty() && leases.empty() && tasks.empty()); ++i) {
    leases.empty() ? work() : give_back(0);
    if (!leases.empty() || !tasks.empty()) continue;
    decide();
  }
  RC_ASSERT(open.empty());
  RC_ASSERT(capacity.fits(dispatcher.resident()));
}

}  // namespace
}  // namespace plimsoll::host
