// QueueClients: requests that wait in a queue and leases that they got, whose owners do what they please.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "queue_world.hpp"

namespace plimsoll::host {

class QueueClients {
 public:
  explicit QueueClients(QueueWorld& world) : world_(world) {}

  void ask() {
    const std::string model = world_.any_model();
    const bool needs_slot = world_.below(8) != 0;
    if (!needs_slot) by_hand_.insert(model);
    const bool is_in_fleet = world_.queue().has(model);
    try {
      AcquireOptions how{.when_busy = world_.below(4) == 0 ? WhenBusy::refuse : WhenBusy::wait};
      const std::stop_source give_way;
      if (world_.has_claims) {
        how.claim = {.tenant = std::string(1, static_cast<char>('x' + world_.below(3))),
                     .weight = 1.0 + static_cast<double>(world_.below(3)),
                     .priority = static_cast<int>(world_.below(3)),
                     .cost = static_cast<double>(world_.below(100))};
        if (world_.below(2) == 0) how.give_way = give_way;
      }
      auto ticket = std::make_unique<Queue::Request>(world_.queue(), model, how, needs_slot);
      requests_.push_back(
          {.model = model, .needs_slot = needs_slot, .give_way = give_way, .ticket = std::move(ticket)});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), is_in_fleet ? ErrorCode::busy : ErrorCode::usage) << error.what();  // the queue is full
    }
  }

  void withdraw() {
    if (!requests_.empty())
      requests_.erase(requests_.begin() + static_cast<std::ptrdiff_t>(world_.below(requests_.size())));
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

  void give_back() {
    if (leases_.empty()) return;
    const bool failed = world_.below(20) == 0;
    give_back_one(world_.below(leases_.size()), failed, world_.below(20) == 0);
  }

  void give_all_back() {
    while (!leases_.empty()) give_back_one(0, false, false);
  }

  // One that was asked to, else any.
  void give_way() {
    if (leases_.empty()) return;
    const auto asked_to =
        std::ranges::find_if(leases_, [](const Leased& one) { return one.give_way.stop_requested(); });
    const auto one = asked_to != leases_.end()
                         ? asked_to
                         : leases_.begin() + static_cast<std::ptrdiff_t>(world_.below(leases_.size()));
    const Leased lease = *one;
    leases_.erase(one);
    const std::stop_source anew;
    requests_.push_back(
        {.model = lease.model,
         .needs_slot = true,
         .give_way = anew,
         .ticket = std::make_unique<Queue::Request>(world_.queue(), lease.number, AcquireOptions{.give_way = anew})});
  }

  // Somebody who has a slot wants another one: it is there, or it is not. Nobody who waits is passed.
  void ask_for_more() {
    if (leases_.empty()) return;
    const Leased asking = leases_[world_.below(leases_.size())];
    const bool somebody_waits = std::ranges::any_of(requests_, [&](const Asked& asked) {
      return asked.model == asking.model && asked.needs_slot && !asked.ticket->is_answered();
    });
    const std::optional<Queue::Granted> granted = world_.queue().another(asking.number);
    if (!granted) return;
    EXPECT_FALSE(somebody_waits);
    EXPECT_EQ(granted->resident->name, asking.model);
    leases_.push_back({.number = granted->lease, .model = asking.model, .give_way = {}});
  }

  // Loads that were asked for before are done, well or not.
  void a_load_ended() {
    by_hand_.clear();
    for (const Asked& asked : requests_) {
      if (!asked.needs_slot) by_hand_.insert(asked.model);
    }
  }
  void model_goes(const std::string& model) { by_hand_.erase(model); }

  [[nodiscard]] bool has_requests() const { return !requests_.empty(); }
  [[nodiscard]] bool has_leases() const { return !leases_.empty(); }
  // Asked for without a slot: its load may go on unwanted.
  [[nodiscard]] bool is_loaded_by_hand(const std::string& model) const { return by_hand_.contains(model); }

  [[nodiscard]] std::map<std::string, std::size_t> leases() const {
    std::map<std::string, std::size_t> out;
    for (const Leased& lease : leases_) ++out[lease.model];
    for (const Asked& request : requests_) {
      if (request.ticket->holds_slot()) ++out[request.model];
    }
    return out;
  }
  [[nodiscard]] std::map<std::string, std::size_t> unanswered() const {
    std::map<std::string, std::size_t> out;
    for (const Asked& request : requests_) {
      if (!request.ticket->is_answered()) ++out[request.model];
    }
    return out;
  }
  [[nodiscard]] std::string description() const {
    std::string out;
    for (const Asked& asked : requests_) out += fmt::format("waits for {}\n", asked.model);
    return out;
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

  void give_back_one(std::size_t index, bool failed, bool outdated) {
    const TicketId lease = leases_[index].number;
    leases_.erase(leases_.begin() + static_cast<std::ptrdiff_t>(index));
    outdated ? world_.queue().give_back_outdated(lease)
             : world_.queue().give_back(lease, failed, static_cast<double>(world_.below(100)));
  }

  QueueWorld& world_;
  std::vector<Asked> requests_;
  std::vector<Leased> leases_;
  std::set<std::string> by_hand_;
};

}  // namespace plimsoll::host
