// Who is told no, and in which words.
#include <fmt/format.h>

#include <algorithm>

#include "host/dispatcher.hpp"

namespace plimsoll::host {
namespace {

// How often memory that others hold is looked at while somebody waits for it: a reading costs a millisecond, a load
// takes about a second.
constexpr std::chrono::seconds kLookAgain{1};

// What others have just been promised is taken in a moment, and then they can be asked for it.
constexpr std::chrono::milliseconds kTakeInAMoment{100};
constexpr std::chrono::seconds kLongestMoment{10};

// What others show of their models is some beats old.
constexpr std::chrono::milliseconds kShownByThen{500};

bool others_stand_here(const FreeCapacity& capacity) {
  return std::ranges::any_of(capacity.devices(), [](const plan::DeviceState& state) {
    return state.held_back > Bytes{} || state.promised_to_others > Bytes{};
  });
}

bool may_soon_be_asked(const Shortage& shortage) {
  std::uint64_t needed = 0;
  std::uint64_t available = 0;
  std::uint64_t promised = 0;
  for (const auto& [name, bytes] : shortage.numbers) {
    if (name == "needed") needed = bytes;
    if (name == "available") available = bytes;
    if (name == "promised_to_others") promised = bytes;
  }
  return promised > 0 && needed <= available + promised;
}

}  // namespace

void Dispatcher::refuse(const Ticket& ticket, ErrorCode code, std::string why, Error::Numbers numbers) {
  decisions_.emplace_back(Refuse{
      .ticket = ticket.id, .model = ticket.model, .code = code, .why = std::move(why), .numbers = std::move(numbers)});
  withdraw(ticket.id);
}

// What cannot be is said at once: not even with every model gone that may go. For good where our own budget is short;
// what others hold may pass.
void Dispatcher::turn_away(const Ticket& ticket, const FreeCapacity& capacity, Time now) {
  std::vector<std::string> stay;
  std::vector<std::string> go;
  std::string pinned;
  for (const std::string& name : resident()) {
    (stays(model(name)) ? stay : go).push_back(name);
    if (stays(model(name))) pinned += fmt::format("{}'{}'", pinned.empty() ? "" : ", ", name);
  }
  std::vector<std::string> spared{ticket.model};
  spared.insert(spared.end(), stay.begin(), stay.end());
  const std::string beside = pinned.empty() ? "" : " beside the pinned " + pinned;
  if (!capacity.are_few_enough(spared.size())) {
    return refuse(
        ticket, ErrorCode::over_budget,
        fmt::format("'{}' does not fit{}: {} at once at most", ticket.model, beside,
                    capacity.most_models() == 1 ? "1 model is loaded"
                                                : fmt::format("{} models are loaded", capacity.most_models())));
  }
  if (const auto verdicts = capacity.judge_by_budgets(spared); !plan::all_fit(verdicts)) {
    return refuse(ticket, ErrorCode::over_budget,
                  fmt::format("'{}' does not fit{}: {}", ticket.model, beside, why_not(verdicts)));
  }
  const Shortage shortage = capacity.shortage(ticket.model, stay, go);
  const bool is_early = !ticket.short_since || now - *ticket.short_since < kShownByThen;
  if (ticket.when_busy == WhenBusy::wait &&
      (may_soon_be_asked(shortage) || (is_early && others_stand_here(capacity))) && waits_a_little(ticket.id, now))
    return;
  std::string why = fmt::format("'{}' does not fit{} now: {}", ticket.model, beside, shortage.sentence);
  if (ticket.when_short == WhenShort::wait) return postpone(ticket, std::move(why), shortage.numbers, now);
  refuse(ticket, ErrorCode::out_of_device_memory, std::move(why), shortage.numbers);
}

// False: it has waited long enough.
bool Dispatcher::waits_a_little(TicketId id, Time now) {
  Ticket& ticket = *std::ranges::find(tickets_, id, &Ticket::id);
  if (!ticket.short_since || now < *ticket.short_since) ticket.short_since = now;
  if (now - *ticket.short_since >= kLongestMoment) return false;
  look_again_by(now + kTakeInAMoment);
  return true;
}

void Dispatcher::postpone(const Ticket& ticket, std::string why, Error::Numbers numbers, Time now) {
  look_again_by(now + kLookAgain);
  bool& said = std::ranges::find(tickets_, ticket.id, &Ticket::id)->postponed;
  if (std::exchange(said, true)) return;
  decisions_.emplace_back(
      Postpone{.ticket = ticket.id, .model = ticket.model, .why = std::move(why), .numbers = std::move(numbers)});
}

std::vector<Decision> Dispatcher::give_up(ErrorCode code, const std::string& why, Time now) {
  const std::deque<Ticket> all = tickets_;
  for (const Ticket& ticket : all) {
    if (!is_resident(model(ticket.model).state)) refuse(ticket, code, why);
  }
  look_again_.reset();
  if (!in_transition()) drain({}, {});  // who was to go for them stays
  grant_slots(now);
  evict_idle(now);
  return std::exchange(decisions_, {});
}

}  // namespace plimsoll::host
