#include "neighbours.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/log.hpp"
#include "base/sleep.hpp"
#include "run/machine_memory.hpp"
#include "run/shown_models.hpp"

namespace plimsoll::host {
namespace {

using namespace std::chrono_literals;

constexpr auto kBeat = 50ms;
constexpr auto kShowAnew = 1s;        // what is taken changes without anybody saying so
constexpr auto kLongestAnswer = 1s;   // who does not answer in it is passed over
constexpr auto kLongestGoing = 5min;  // conversations are saved first, and work at it is finished
constexpr auto kPassedOver = 10s;
constexpr auto kExpectation = 2s;  // unless it is said again

std::string name_of(const broker::Offer& offer) {
  return fmt::format("process {} ({}): {}", offer.pid, offer.program, offer.model.name);
}

broker::Work work_of(const ModelStanding& standing) {
  if (standing.state == ModelState::loading || standing.state == ModelState::warming) return broker::Work::loading;
  if (standing.is_yielding || standing.state == ModelState::draining) return broker::Work::going;
  return standing.is_idle ? broker::Work::ready : broker::Work::busy;
}

}  // namespace

Neighbours::Neighbours(run::MemoryAccounting& accounting) : accounting_(accounting), machine_(accounting.machine()) {}

Neighbours::~Neighbours() { stop(); }

void Neighbours::start(Queue& queue, Drafts drafts) {
  queue_ = &queue;
  drafts_ = std::move(drafts);
  if (machine_.is_on()) thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

void Neighbours::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  machine_.expect_nothing();
}

void Neighbours::work(const std::stop_token& stop) {
  do {
    try {
      answer_asks();
      show_models();
      say_again();
    } catch (const std::exception& error) {
      log::warn("host", "other processes were not answered: {}", error.what());
    }
  } while (sleep_unless_stopped(kBeat, stop));
}

// --- what others ask of this process ---

void Neighbours::answer_asks() {
  for (const broker::Asked& asked : machine_.asked()) {
    const std::string whom_for = fmt::format("for process {} ({})", asked.pid, asked.program);
    const bool goes = yields(asked, whom_for);
    log::info("host", "process {} ({}) asks for the memory of '{}', which {}", asked.pid, asked.program, asked.model,
              goes ? "goes" : "stays");
    machine_.answer(asked.id, goes);
    shown_at_ = {};
  }
}

// The ledger cuts long names: of models with the same beginning, one that goes is an answer.
bool Neighbours::yields(const broker::Asked& asked, const std::string& whom_for) {
  return std::ranges::any_of(queue_->standings() | std::views::keys, [&](const std::string& name) {
    return name.substr(0, broker::ShownModel::kLongestName) == asked.model &&
           queue_->yield(name, asked.even_at_work, whom_for);
  });
}

void Neighbours::show_models() {
  auto now = queue_->standings();
  auto processes = queue_->processes();
  const Time at = std::chrono::steady_clock::now();
  if (now == shown_ && processes == shown_processes_ && at - shown_at_ < kShowAnew) return;
  run::ShownModels& shown = accounting_.shown();
  const auto drafts = drafts_();
  for (const auto& [name, standing] : now) {
    const auto idle = std::max(std::chrono::duration_cast<broker::BootTime>(SystemClock().now() - standing.last_used),
                               broker::BootTime(0));
    const auto process = processes.find(name);
    const ProcessStatus own = process == processes.end() ? ProcessStatus{} : process->second;
    shown.set(name, {.work = work_of(standing),
                     .can_go = !standing.pinned,
                     .priority = standing.priority,
                     .idle_since = broker::boot_time() - idle,
                     .reload_time = standing.load_time,
                     .process = static_cast<pid_t>(own.pid),
                     .restarts = static_cast<std::uint32_t>(own.restarts),
                     .ends_its_process = own.pid > 0 && standing.is_last_of_all});
    if (const auto draft = drafts.find(name); draft != drafts.end()) shown.set(draft->second, {.comes_with = name});
  }
  for (const auto& [name, standing] : shown_) {
    if (!now.contains(name)) shown.forget(name);
    for (const std::string& group : standing.last_of) shown.forget(group);
  }
  for (const auto& [name, standing] : now) {
    for (const std::string& group : standing.last_of) shown.set(group, {.returns_with = name});
  }
  machine_.mend();
  shown.publish();
  shown_ = std::move(now);
  shown_processes_ = std::move(processes);
  shown_at_ = at;
}

// --- what this process asks of others ---

std::optional<OfferOfOthers> Neighbours::as_offer(const broker::Offer& offer) const {
  const auto idle = std::max(broker::boot_time() - offer.model.idle_since, broker::BootTime(0));
  OfferOfOthers out{.candidate = {.name = name_of(offer),
                                  .last_used = SystemClock().now() - idle,
                                  .reload_time = offer.model.reload_time,
                                  .priority = offer.model.priority},
                    .is_at_work = offer.model.work != broker::Work::ready};
  for (const broker::ShownPart& part : offer.model.parts) {
    if (const auto device = accounting_.machine_memory().device_of(part.account))
      out.comes_back.emplace_back(*device, part.comes_back);
  }
  return out.comes_back.empty() ? std::nullopt : std::optional(std::move(out));
}

void Neighbours::pass_over(const broker::Offer& offer, bool whole_process) {
  passed_over_[{offer.process, whole_process ? "" : offer.model.name}] = std::chrono::steady_clock::now() + kPassedOver;
}

bool Neighbours::is_passed_over(const broker::Offer& offer) {
  const Time now = std::chrono::steady_clock::now();
  std::erase_if(passed_over_, [&](const auto& one) { return one.second <= now; });
  return passed_over_.contains({offer.process, ""}) || passed_over_.contains({offer.process, offer.model.name});
}

void Neighbours::look_for_answers(const std::vector<broker::Offer>& there) {
  const Time now = std::chrono::steady_clock::now();
  std::erase_if(pending_, [&](auto& one) {
    Pending& pending = one.second;
    const auto ends = [&](bool is_passed_over, bool whole_process, const char* why) {
      mutex_.assert_held();
      if (is_passed_over) {
        log::info("host", "{} is passed over: it {}", one.first, why);
        pass_over(pending.offer, whole_process);
      }
      machine_.forget(pending.ask);
      return true;
    };
    if (now - pending.said > kExpectation) return ends(false, false, "");
    const auto shown = std::ranges::find_if(there, [&](const broker::Offer& offer) {
      return offer.process == pending.offer.process && offer.model.name == pending.offer.model.name;
    });
    if (shown == there.end()) return ends(false, false, "");  // gone, or pinned by now
    switch (machine_.answer_to(pending.ask)) {
      case broker::Answer::none:
        return now - pending.since > kLongestAnswer && ends(true, true, "does not answer");
      case broker::Answer::stays:  // where it has been taken up since it was seen idle, it is one at work from now on
        return ends(pending.offer.model.work != broker::Work::ready, false, "stays");
      case broker::Answer::nobody:
        return ends(true, true, "is not there any more");
      case broker::Answer::goes:
        break;
    }
    // It shows at once that it goes. One that does not has gone and come back since anybody here has looked.
    if (!pending.answered) pending.answered = now;
    if (!pending.goes && shown->model.work != broker::Work::going && now - *pending.answered > kLongestAnswer)
      return ends(false, false, "");
    const bool was_going = std::exchange(pending.goes, pending.goes || shown->model.work == broker::Work::going);
    if (was_going && shown->model.work != broker::Work::going) return ends(true, false, "was wanted again");
    return now - pending.since > kLongestGoing && ends(true, false, "does not go");
  });
}

std::vector<OfferOfOthers> Neighbours::offers() {
  std::vector<OfferOfOthers> out;
  if (!machine_.is_on()) return out;
  const std::vector<broker::Offer> there = machine_.offers();
  const MutexLock lock(mutex_);
  look_for_answers(there);
  offers_.clear();
  for (const broker::Offer& offer : there) {
    const bool is_asked = pending_.contains(name_of(offer));
    if (!is_asked && is_passed_over(offer)) continue;
    if (auto made = as_offer(offer)) {
      if (is_asked) made->is_at_work = false;  // it is on its way, whatever it does still
      offers_[made->candidate.name] = offer;
      out.push_back(std::move(*made));
    }
  }
  return out;
}

// So much stays who waits's, and for so long is who was asked waited for.
void Neighbours::say(Said& what) {
  what.at = std::chrono::steady_clock::now();
  machine_.expect(what.needs, kExpectation);
  for (const std::string& name : what.offers) {
    if (const auto asked = pending_.find(name); asked != pending_.end()) asked->second.said = what.at;
  }
}

// The dispatcher says nothing while a model is loaded or goes, which may take longer than what it has said stands.
void Neighbours::say_again() {
  std::optional<TicketId> ticket;
  {
    const MutexLock lock(mutex_);
    if (said_) ticket = said_->ticket;
  }
  if (!ticket) return;
  const bool waits = queue_->is_held_up(*ticket);
  const MutexLock lock(mutex_);
  if (!said_ || said_->ticket != *ticket) return;
  if (waits)
    say(*said_);
  else if (std::chrono::steady_clock::now() - said_->at > kExpectation)
    said_.reset();
}

void Neighbours::ask(const AskOthers& wanted) {
  Said what{.ticket = wanted.ticket, .offers = wanted.offers};
  for (const auto& [device, bytes] : wanted.needs) {
    if (const auto account = accounting_.machine_memory().account_of(device))
      what.needs.push_back({.account = *account, .more = bytes});
  }
  const MutexLock lock(mutex_);
  say(said_.emplace(std::move(what)));
  const Time now = said_->at;
  for (const std::string& name : wanted.offers) {
    const auto offer = offers_.find(name);
    if (offer == offers_.end() || pending_.contains(name)) continue;
    // The oldest ask would make place, and its model seem to be nobody's. The rest is asked when some have gone.
    if (pending_.size() >= broker::MachineLedger::kMostAsksOfOne) break;
    // One that is being loaded, or is on its way out for somebody else, is waited for.
    const broker::Work work = offer->second.model.work;
    if (work != broker::Work::ready && work != broker::Work::busy) continue;
    const bool even_at_work = offer->second.model.work == broker::Work::busy;
    log::info("host", "'{}' needs the memory of {}: it is asked to go", wanted.model, name);
    pending_[name] = {
        .ask = machine_.ask(offer->second, even_at_work), .offer = offer->second, .since = now, .said = now};
  }
}

// An answer is one to the model as it was then: where it has gone and come back since, it has to be asked anew.
void Neighbours::ask_nobody() {
  const MutexLock lock(mutex_);
  for (const auto& [name, pending] : pending_) machine_.forget(pending.ask);
  pending_.clear();
}

}  // namespace plimsoll::host
