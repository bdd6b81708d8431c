// A scenario of the dispatcher as text: what is there, then line after line what happens and what is decided.
//
//   budget 100                        of the one device that there is
//   models-max 2                      so many are loaded at once
//   total 120                         it has that much, and is read: what others hold is not free
//   model a 60 [pinned] [slots=2] [priority=1] [ttl=500] [group=main compute=10] [reload=200] [runtime=5]
//   ask 1 a            => load a      ticket 1 wants model a; what follows the arrow is everything that is decided
//   ready a            => grant 1     its load is done
//   free a             =>             a lease of it has ended
//
//   ask 2 a for=x weight=2 priority=1 cost=10 yields    with a claim; its lease may be asked to give way
//   end 2 took=30      the lease of ticket 2 has ended
//   yield 2 as 3       it gives way, and waits as ticket 3
//
// Also: `ask 2 b refuse`, `ask 2 b insist` (waits for what others hold), `withdraw 2`, `fail a` (its load, for want of
// memory), `spoil a` (its load, since its file is damaged), `replan a 70 [slots=2]` (in the place of its load), `retry
// a`, `more a` (one who has a lease of it wants another: `another` or `none`), `gone a` (its eviction is done; what it
// had of runtime stays with the backend), `lost a` (its device is), `give-up a` (its process is not started again),
// `change a` (its file is), `pin a`, `unpin a`, `leave a`, `wait 500` (milliseconds pass), `set-back 500` (the clock
// is, when the loader is about to sleep: `sleeps 1000` so long), `others 30` (so much do others hold), `offer x 30
// [idle=500] [reload=200] [at-work]` (of that a model of another process, which may be asked to go), `withhold x` (it
// may not any more), `asked a [even-at-work]` (another process asks for its memory: `goes` or `stays`). Decided: `load
// a`, `evict a`, `drain a`, `keep a` (draining taken back), `failed a`, `grant 1`, `refuse 1 over_budget`, `postpone
// 1`, `preempt 1 for 2`, `ask for 1: x, y` (of others), `wait for 1` (for others at work).
#pragma once
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "host/dispatcher.hpp"

namespace plimsoll::host::test {

class Scenario {
 public:
  // The script again, with what was really decided behind each arrow.
  [[nodiscard]] static std::string play(const std::string& script) {
    Scenario scenario;
    std::string out;
    std::istringstream steps(script);
    for (std::string step; std::getline(steps, step);) {
      const std::string command = step.substr(0, step.find("=>"));
      std::istringstream words(command);
      std::string verb;
      if (!(words >> verb)) continue;
      if (verb == "budget" || verb == "model" || verb == "total" || verb == "models-max") {
        scenario.declare(verb, words);
        out += step + "\n";
      } else {
        scenario.happen(verb, words);
        out += command.substr(0, command.find_last_not_of(' ') + 1) + " =>" + scenario.decisions() + "\n";
      }
    }
    return out;
  }

 private:
  void declare(const std::string& verb, std::istringstream& words) {
    if (verb == "models-max") {
      words >> most_models_;
      return;
    }
    if (verb == "budget" || verb == "total") {
      std::uint64_t bytes = 0;
      words >> bytes;
      device_.info.id = device::DeviceId{"GPU0"};
      if (verb == "budget")
        device_.budget = memory::Budget{.bytes = Bytes{bytes}};
      else
        total_ = Bytes{bytes};
      return;
    }
    ModelRules rules;
    plan::ModelPlan plan;
    std::uint64_t bytes = 0;
    words >> rules.name >> bytes;
    plan.name = rules.name;
    plan.entries.push_back(line(memory::Stage::weights, bytes));
    int reload = 1000;
    for (std::string word; words >> word;) {
      const std::string value = word.substr(word.find('=') + 1);
      if (word == "pinned") rules.pinned = true;
      if (word.starts_with("slots=")) rules.slots = std::stoul(value);
      if (word.starts_with("priority=")) rules.priority = std::stoi(value);
      if (word.starts_with("ttl=")) rules.time_to_live = std::chrono::milliseconds(std::stoi(value));
      if (word.starts_with("group=")) plan.compute_group = value;
      if (word.starts_with("compute=")) plan.entries.push_back(line(memory::Stage::compute, std::stoul(value)));
      if (word.starts_with("runtime=")) plan.entries.push_back(line(memory::Stage::runtime, std::stoul(value)));
      if (word.starts_with("reload=")) reload = std::stoi(value);
    }
    rules_.push_back(rules);
    plans_.push_back(plan);
    reloads_.push_back(reload);
  }

  [[nodiscard]] static plan::Entry line(memory::Stage stage, std::uint64_t bytes) {
    return {.device = device::DeviceId{"GPU0"}, .buffer = "GPU0", .stage = stage, .bytes = Bytes{bytes}};
  }

  void happen(const std::string& verb, std::istringstream& words) {
    if (!dispatcher_) begin();
    std::string name;
    words >> name;
    if (verb == "ask") {
      ask(name, words);
    } else if (verb == "end") {
      std::string took;
      words >> took;
      dispatcher_->give_back(tickets_.at(name), now_,
                             took.empty() ? std::nullopt : std::optional(std::stod(took.substr(took.find('=') + 1))));
    } else if (verb == "yield") {
      std::string as;
      std::string anew;
      words >> as >> anew;
      tickets_[anew] = dispatcher_->give_way(tickets_.at(name), now_);
    } else if (verb == "withdraw") {
      dispatcher_->withdraw(tickets_.at(name));
    } else if (verb == "ready") {
      dispatcher_->warming(name);
      dispatcher_->loaded(name, now_, std::chrono::milliseconds(reloads_of(name)));
    } else if (verb == "fail") {
      dispatcher_->load_failed(name, now_, Error(ErrorCode::out_of_device_memory, "the device said no"));
    } else if (verb == "spoil") {
      dispatcher_->load_failed(name, now_, Error(ErrorCode::model_unusable, "the file is damaged"));
    } else if (verb == "replan") {
      replan(name, words);
    } else if (verb == "stopped") {
      dispatcher_->load_stopped(name);
    } else if (verb == "retry") {
      dispatcher_->retry(name);
    } else if (verb == "gone") {
      dispatcher_->evicted(name, now_);
      kept_ += bytes_of(name, true);
    } else if (verb == "lost") {
      dispatcher_->lost(name);
    } else if (verb == "give-up") {
      dispatcher_->given_up(name, Error(ErrorCode::engine_failed, "its process has died too often"));
    } else if (verb == "change") {
      dispatcher_->outdated(name);
    } else if (verb == "others") {
      others_ = Bytes{std::stoul(name)};
    } else if (verb == "offer") {
      offer(name, words);
    } else if (verb == "withhold") {
      std::erase_if(offers_, [&](const OfferOfOthers& one) { return one.candidate.name == name; });
    } else if (verb == "asked") {
      std::string even_at_work;
      words >> even_at_work;
      said_ = dispatcher_->yield(name, !even_at_work.empty()) ? "goes" : "stays";
    } else if (verb == "allow") {
      most_models_ = std::stoul(name);
      capacity_->set_most_models(most_models_);
      dispatcher_->shrink(*capacity_, policy_, now_);
    } else if (verb == "more") {  // NAME of a model: its longest lease; TICKET [as LEASE]: that one
      const auto ticket = tickets_.find(name);
      const auto lease = ticket == tickets_.end() ? dispatcher_->take_another(name, now_)
                                                  : dispatcher_->take_another(ticket->second, now_);
      std::string as;
      std::string given;
      if (words >> as >> given && lease) tickets_[given] = *lease;
      said_ = lease ? "another" : "none";
    } else if (verb == "back") {
      said_ = dispatcher_->wants_slot_back(tickets_.at(name), now_) ? "wanted" : "kept";
    } else if (verb == "free") {
      dispatcher_->give_back(name, now_);
    } else if (verb == "pin" || verb == "unpin") {
      dispatcher_->pin(name, verb == "pin");
    } else if (verb == "leave") {
      dispatcher_->let_go(name);
    } else if (verb == "wait") {
      now_ += std::chrono::milliseconds(std::stoi(name));
    } else if (verb == "set-back") {
      set_back(std::chrono::milliseconds(std::stoi(name)));
    } else {
      throw std::invalid_argument("a scenario has no '" + verb + "'");
    }
  }

  void ask(const std::string& name, std::istringstream& words) {
    std::string model;
    WhenBusy when_busy = WhenBusy::wait;
    WhenShort when_short = WhenShort::refuse;
    Claim claim;
    words >> model;
    for (std::string word; words >> word;) {
      const std::string value = word.substr(word.find('=') + 1);
      if (word == "refuse") when_busy = WhenBusy::refuse;
      if (word == "insist") when_short = WhenShort::wait;
      if (word == "yields") claim.may_give_way = true;
      if (word.starts_with("for=")) claim.tenant = value;
      if (word.starts_with("weight=")) claim.weight = std::stod(value);
      if (word.starts_with("priority=")) claim.priority = std::stoi(value);
      if (word.starts_with("cost=")) claim.cost = std::stod(value);
    }
    tickets_[name] = dispatcher_->ask(model, when_busy, true, when_short, claim);
  }

  void offer(const std::string& name, std::istringstream& words) {
    std::uint64_t bytes = 0;
    words >> bytes;
    OfferOfOthers made{.candidate = {.name = name, .last_used = now_, .reload_time = std::chrono::milliseconds(1000)},
                       .comes_back = {{device_.info.id, Bytes{bytes}}}};
    for (std::string word; words >> word;) {
      const std::string value = word.substr(word.find('=') + 1);
      if (word == "at-work") made.is_at_work = true;
      if (word.starts_with("idle=")) made.candidate.last_used = now_ - std::chrono::milliseconds(std::stoi(value));
      if (word.starts_with("reload=")) made.candidate.reload_time = std::chrono::milliseconds(std::stoi(value));
    }
    std::erase_if(offers_, [&](const OfferOfOthers& one) { return one.candidate.name == name; });
    offers_.push_back(std::move(made));
  }

  void set_back(std::chrono::milliseconds by) {
    now_ -= by;
    dispatcher_->mend_times(now_);
    const auto at = dispatcher_->next_look();
    said_ = "sleeps";
    if (at) said_ += " " + std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(*at - now_).count());
  }

  void begin() {
    dispatcher_.emplace(rules_);
    capacity_.emplace(plans_, std::vector{device_}, std::map<std::string, std::string>{}, most_models_);
  }

  void replan(const std::string& name, std::istringstream& words) {
    std::uint64_t bytes = 0;
    std::size_t slots = 1;
    words >> bytes;
    for (std::string word; words >> word;) slots = std::stoul(word.substr(word.find('=') + 1));
    for (plan::ModelPlan& plan : plans_) {
      if (plan.name == name) plan.entries = {line(memory::Stage::weights, bytes)};
    }
    capacity_.emplace(plans_, std::vector{device_}, std::map<std::string, std::string>{}, most_models_);
    dispatcher_->replanned(name, slots);
  }

  [[nodiscard]] Bytes bytes_of(const std::string& name, bool runtime) const {
    Bytes sum;
    for (const plan::ModelPlan& plan : plans_) {
      for (const plan::Entry& entry : plan.entries) {
        if (plan.name == name && (entry.stage == memory::Stage::runtime) == runtime) sum += entry.bytes;
      }
    }
    return sum;
  }

  // Everything that is resident has been taken.
  void look() {
    if (!total_) return;
    Moment moment;
    Bytes free = saturating_sub(saturating_sub(*total_, others_), kept_);
    Bytes held;
    for (const std::string& name : dispatcher_->resident()) {
      const Bytes buffers = bytes_of(name, false);
      moment.holdings.push_back({.owner = name, .device = device_.info.id, .comes_back = buffers, .promised = {}});
      held += buffers;
      free = saturating_sub(free, buffers + bytes_of(name, true));
    }
    moment.free = {{device_.info.id, free}};
    moment.others = {{device_.info.id, others_}};
    moment.offers = offers_;
    device_.reading.free = free + held;
    capacity_->look_again({device_}, moment);
  }

  [[nodiscard]] int reloads_of(const std::string& name) const {
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      if (rules_[i].name == name) return reloads_[i];
    }
    return 0;
  }

  [[nodiscard]] std::string name_of(TicketId ticket) const {
    for (const auto& [name, id] : tickets_) {
      if (id == ticket) return name;
    }
    return "?";
  }

  [[nodiscard]] std::string decisions() {
    std::string out;
    const auto add = [&](const std::string& text) { out += (out.empty() ? " " : "; ") + text; };
    if (const std::string said = std::exchange(said_, {}); !said.empty()) add(said);
    look();
    for (const Decision& decision : dispatcher_->decide(*capacity_, policy_, now_)) {
      if (const auto* moved = std::get_if<Moved>(&decision)) {
        if (moved->to == ModelState::draining) add("drain " + moved->model);
        if (moved->from == ModelState::draining && moved->to == ModelState::ready) add("keep " + moved->model);
        if (moved->to == ModelState::failed) add("failed " + moved->model);
      }
      if (const auto* grant = std::get_if<Grant>(&decision)) add("grant " + name_of(grant->ticket));
      if (const auto* refuse = std::get_if<Refuse>(&decision))
        add("refuse " + name_of(refuse->ticket) + " " + std::string(to_string(refuse->code)));
      if (const auto* postpone = std::get_if<Postpone>(&decision)) add("postpone " + name_of(postpone->ticket));
      if (const auto* preempt = std::get_if<Preempt>(&decision))
        add("preempt " + name_of(preempt->lease) + " for " + name_of(preempt->whom_for));
      if (const auto* asked = std::get_if<AskOthers>(&decision)) {
        std::string text = (asked->offers.empty() ? "wait for " : "ask for ") + name_of(asked->ticket);
        for (const std::string& name : asked->offers) text += (name == asked->offers.front() ? ": " : ", ") + name;
        add(text);
      }
      if (const auto* load = std::get_if<Load>(&decision)) add("load " + load->model);
      if (const auto* evict = std::get_if<Evict>(&decision)) add("evict " + evict->model);
    }
    return out;
  }

  std::string said_;
  plan::DeviceState device_;
  std::optional<Bytes> total_;
  Bytes others_;
  std::vector<OfferOfOthers> offers_;
  Bytes kept_;  // by the backend, of models that are gone
  std::vector<ModelRules> rules_;
  std::vector<plan::ModelPlan> plans_;
  std::vector<int> reloads_;
  std::optional<Dispatcher> dispatcher_;
  std::optional<FreeCapacity> capacity_;
  std::size_t most_models_ = 0;
  Balanced policy_;
  Dispatcher::Time now_{};
  std::map<std::string, TicketId> tickets_;
};

// The scenario is written with its decisions, and they are what it comes to.
inline void expect_played(const std::string& script) {
  const std::string want = script.substr(script.find_first_not_of('\n'));
  EXPECT_EQ(Scenario::play(want), want);
}

}  // namespace plimsoll::host::test
