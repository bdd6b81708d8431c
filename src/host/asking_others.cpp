#include "host/asking_others.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "base/log.hpp"
#include "host/eviction.hpp"

namespace plimsoll::host {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock::time_point;

constexpr auto kLook = 20ms;
constexpr auto kLongestAnswer = 1s;
constexpr auto kLongestGoing = 60s;
constexpr auto kExpectation = 5s;

class Trial final : public EvictionTrial {
 public:
  Trial(const MissingMemory& shortage, const std::vector<broker::Offer>& offers)
      : missing_(shortage.missing), offers_(offers) {}
  void remove(std::size_t candidate) override { shift(offers_[candidate], true); }
  void restore(std::size_t candidate) override { shift(offers_[candidate], false); }
  void has_gone(const broker::Offer& offer) { shift(offer, true); }
  [[nodiscard]] bool fits() const override {
    return std::ranges::all_of(missing_, [&](const auto& one) {
      const auto back = back_.find(one.first);
      return one.second <= (back == back_.end() ? 0 : back->second);
    });
  }

 private:
  void shift(const broker::Offer& offer, bool goes) {
    for (const broker::ShownPart& part : offer.model.parts) {
      std::uint64_t& back = back_[part.account];
      goes ? back += part.comes_back.value() : back -= part.comes_back.value();
    }
  }
  const std::map<broker::AccountId, std::uint64_t>& missing_;
  const std::vector<broker::Offer>& offers_;
  std::map<broker::AccountId, std::uint64_t> back_;
};

// By an offer: its process and model.
using Key = std::pair<std::uint64_t, std::string>;
Key key_of(const broker::Offer& offer) { return {offer.process, offer.model.name}; }

class Asking {
 public:
  Asking(broker::MachineLedger& machine, const MissingMemory& shortage) : machine_(machine), shortage_(shortage) {}
  ~Asking() {
    for (const auto& [key, asked] : asked_) machine_.forget(asked.id);
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

  [[nodiscard]] bool run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const std::vector<broker::Offer> offers = candidates();
      const auto chosen = choose(offers);
      if (!chosen) break;
      if (chosen->empty()) return true;
      machine_.expect(shortage_.needs, kExpectation);
      if (have_gone(*chosen, stop)) return true;
    }
    machine_.expect_nothing();
    return false;
  }

 private:
  struct Asked {
    std::uint64_t id = 0;
    Time since{};
    std::optional<Time> answered{};  // that it goes
    bool goes = false;               // it was seen to
  };

  [[nodiscard]] std::vector<broker::Offer> candidates() {
    std::vector<broker::Offer> out = machine_.offers();
    std::erase_if(gone_, [&](const auto& one) { return std::ranges::contains(out, one.first, key_of); });
    std::erase_if(out, [&](const broker::Offer& offer) {
      if (asked_.contains(key_of(offer))) return false;
      return offer.model.work != broker::Work::ready || passed_over_.contains(key_of(offer)) ||
             passed_over_.contains({offer.process, ""});
    });
    return out;
  }

  // Beside those that have gone; empty where they suffice.
  [[nodiscard]] std::optional<std::vector<broker::Offer>> choose(const std::vector<broker::Offer>& offers) const {
    std::vector<Candidate> may_go;
    const Clock::TimePoint now = SystemClock().now();
    for (std::size_t i = 0; i < offers.size(); ++i) {
      const auto idle = std::max(broker::boot_time() - offers[i].model.idle_since, broker::BootTime(0));
      may_go.push_back({.name = std::to_string(i),
                        .last_used = now - idle,
                        .reload_time = offers[i].model.reload_time,
                        .priority = offers[i].model.priority});
    }
    Trial trial(shortage_, offers);
    for (const auto& [key, offer] : gone_) trial.has_gone(offer);
    const auto chosen = choose_victims(may_go, Balanced(), now, trial);
    if (!chosen || (chosen->empty() && gone_.empty())) return std::nullopt;
    std::vector<broker::Offer> out;
    for (const std::string& index : *chosen) out.push_back(offers[std::stoul(index)]);
    return out;
  }

  // More at once would push each other out of the ledger.
  [[nodiscard]] bool has_place_for_more(const std::vector<broker::Offer>& chosen) {
    if (asked_.size() < broker::MachineLedger::kMostAsksOfOne) return true;
    return std::erase_if(asked_, [&](const auto& one) {  // asked in vain: others were chosen since
             if (std::ranges::contains(chosen, one.first, key_of)) return false;
             machine_.forget(one.second.id);
             return true;
           }) > 0;
  }

  void ask(const broker::Offer& offer) {
    log::info("host", "process {} ({}) is asked to let '{}' go", offer.pid, offer.program, offer.model.name);
    asked_[key_of(offer)] = {.id = machine_.ask(offer, false), .since = std::chrono::steady_clock::now()};
  }

  void let_be(const broker::Offer& offer) {
    const auto asked = asked_.find(key_of(offer));
    if (asked == asked_.end()) return;
    machine_.forget(asked->second.id);
    asked_.erase(asked);
  }

  // Asks them, as many at once as the ledger has places for. False: one does not go, so others are to be chosen.
  [[nodiscard]] bool have_gone(const std::vector<broker::Offer>& chosen, const std::stop_token& stop) {
    for (;;) {
      const std::vector<broker::Offer> there = machine_.offers();
      bool all_gone = true;
      for (const broker::Offer& one : chosen) {
        const auto shown = std::ranges::find(there, key_of(one), key_of);
        if (shown == there.end()) {
          if (asked_.contains(key_of(one))) gone_[key_of(one)] = one;
          let_be(one);
          continue;
        }
        all_gone = false;
        if (!asked_.contains(key_of(one))) {
          if (has_place_for_more(chosen)) ask(one);
        } else if (!is_going(one, shown->model.work)) {
          let_be(one);
          return false;
        }
      }
      if (all_gone) return true;
      if (stop.stop_requested()) return false;
      machine_.expect(shortage_.needs, kExpectation);
      std::this_thread::sleep_for(kLook);
    }
  }

  // False: it does not, and is passed over, or has come back since it went, and may be asked anew. One that goes shows
  // that at once: where nobody here has seen it, it was too quick.
  [[nodiscard]] bool is_going(const broker::Offer& offer, broker::Work shown) {
    const Time now = std::chrono::steady_clock::now();
    Asked& asked = asked_.at(key_of(offer));
    const broker::Answer answer = machine_.answer_to(asked.id);
    if (answer == broker::Answer::none && now - asked.since < kLongestAnswer) return true;
    const Time first = first_asked_.try_emplace(key_of(offer), asked.since).first->second;
    if (answer == broker::Answer::goes && now - first < kLongestGoing) {
      if (!asked.answered) asked.answered = now;
      if (shown == broker::Work::going) return asked.goes = true;
      return !asked.goes && now - *asked.answered < kLongestAnswer;
    }
    const bool whole_process = answer == broker::Answer::none || answer == broker::Answer::nobody;
    passed_over_.insert({offer.process, whole_process ? "" : offer.model.name});
    return false;
  }

  broker::MachineLedger& machine_;
  const MissingMemory& shortage_;
  std::map<Key, Asked> asked_;
  std::map<Key, broker::Offer> gone_;  // of those that were asked, and not come back
  std::map<Key, Time> first_asked_;    // who goes and comes back again and again is passed over
  std::set<Key> passed_over_;
};

}  // namespace

bool ask_others(broker::MachineLedger& machine, const MissingMemory& shortage, const std::stop_token& stop) {
  return machine.is_on() && Asking(machine, shortage).run(stop);
}

}  // namespace plimsoll::host
