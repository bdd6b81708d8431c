// Models that cannot be had: what they failed with, and when they are tried again.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "host/dispatcher.hpp"

namespace plimsoll::host {
namespace {

// After the 1st, 2nd, and each later failure in a row: what passes by itself has mostly passed then, and what does not
// costs a load now and then.
constexpr std::array<std::chrono::seconds, 3> kRetryAfter{std::chrono::seconds(1), std::chrono::seconds(5),
                                                          std::chrono::seconds(30)};

// It says nothing of the model: memory may come back, and who stops a load wants none.
bool may_pass(ErrorCode code) {
  return code == ErrorCode::over_budget || code == ErrorCode::out_of_device_memory || code == ErrorCode::busy ||
         code == ErrorCode::cancelled;
}

}  // namespace

void Dispatcher::fail(Model& one, Error failure, std::size_t in_a_row, Time now) {
  move(one, ModelState::failed);
  one.failure = std::move(failure);
  one.retry_at = now + kRetryAfter[std::min(in_a_row, kRetryAfter.size()) - 1];
}

void Dispatcher::load_failed(const std::string& name, Time now, const Error& error) {
  Model& one = model(name);
  one.keeps_loading = false;
  if (may_pass(error.code()))
    give_up_loading(one);
  else
    fail(one, error, ++one.failures, now);
  const std::deque<Ticket> all = tickets_;
  for (const Ticket& ticket : all) {
    if (ticket.model == name) refuse(ticket, error.code(), error.what(), error.numbers());
  }
}

void Dispatcher::give_up_loading(Model& one) {
  one.keeps_loading = false;
  move(one, one.was_loaded ? ModelState::swapped : ModelState::absent);
}

void Dispatcher::load_stopped(const std::string& name) { give_up_loading(model(name)); }

void Dispatcher::replanned(const std::string& name, std::size_t slots) {
  Model& one = model(name);
  give_up_loading(one);
  one.rules.slots = slots;
}

void Dispatcher::retry(const std::string& name) { model(name).retry_at = Time::min(); }

void Dispatcher::given_up(const std::string& name, const Error& why) {
  outdated(name);
  if (Model& one = model(name); one.broken) one.given_up = why;
}

void Dispatcher::outdated(const std::string& name) {
  Model& one = model(name);
  if (one.state != ModelState::ready && one.state != ModelState::draining) return;
  one.broken = true;
  one.losses = 0;  // what comes back is another file's
  for (Ticket& ticket : tickets_) ticket.boarded = ticket.boarded && ticket.model != name;
}

void Dispatcher::lost(const std::string& name) {
  const Model& one = model(name);
  if (one.broken) return;  // each of its leases says so
  const std::size_t before = one.losses;
  outdated(name);
  if (one.broken) model(name).losses = before + 1;
}

void Dispatcher::evicted(const std::string& name, Time now) {
  Model& one = model(name);
  one.evicting = false;
  one.leaving = false;
  one.yielding = false;
  draining_for_.erase(name);
  const bool was_broken = std::exchange(one.broken, false);
  if (auto why = std::exchange(one.given_up, std::nullopt)) {
    if (why->code() == ErrorCode::io) return fail(one, std::move(*why), 1, now);  // a machine that may come back
    move(one, ModelState::failed);
    one.failure = std::move(why);
    one.retry_at.reset();
    return;
  }
  if (!was_broken || one.losses < 2) return move(one, ModelState::swapped);
  fail(one, Error(ErrorCode::engine_failed, fmt::format("'{}' broke off {} times in a row", name, one.losses)),
       one.losses - 1, now);
}

// At once, and until they are due.
void Dispatcher::refuse_failed(Time now) {
  const auto is_failed = [&](const Ticket& ticket) {
    const Model& one = model(ticket.model);
    if (one.state != ModelState::failed) return false;
    if (!one.retry_at) return true;
    return now < *one.retry_at && *one.retry_at - now <= kRetryAfter.back();  // else the clock was set back
  };
  if (std::ranges::none_of(tickets_, is_failed)) return;
  const std::deque<Ticket> all = tickets_;
  for (const Ticket& ticket : all) {
    if (!is_failed(ticket)) continue;
    const Model& one = model(ticket.model);
    Error::Numbers numbers = one.failure->numbers();
    if (!one.retry_at) {
      refuse(
          ticket, one.failure->code(),
          fmt::format("'{}': {}; it is tried again when it is asked to be loaded", ticket.model, one.failure->what()),
          std::move(numbers));
      continue;
    }
    const auto due_in = std::chrono::ceil<std::chrono::seconds>(*one.retry_at - now);
    numbers.emplace_back("retry_in_s", static_cast<std::uint64_t>(due_in.count()));
    refuse(ticket, one.failure->code(),
           fmt::format("{}; it is tried again in {} s at the earliest, or when it is asked to be loaded",
                       one.failure->what(), due_in.count()),
           std::move(numbers));
  }
}

std::optional<Error> Dispatcher::failure(const std::string& name) const {
  const Model& one = model(name);
  return one.state == ModelState::failed ? one.failure : std::nullopt;
}

}  // namespace plimsoll::host
