// How a request waits for its model.
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include <plimsoll/base/error.hpp>

#include "queue.hpp"

namespace plimsoll::host {
namespace {

// Empty: as long as it takes; that is also what is beyond the clock.
std::optional<std::chrono::steady_clock::time_point> deadline_after(std::optional<std::chrono::milliseconds> patience) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point now = Clock::now();
  if (!patience || *patience >= std::chrono::duration_cast<std::chrono::milliseconds>(Clock::time_point::max() - now))
    return std::nullopt;
  return now + *patience;
}

Claim claim_of(const AcquireOptions& options) {
  Claim claim = options.claim;
  claim.may_give_way = options.give_way.has_value();
  return claim;
}

}  // namespace

Queue::Request::Request(Queue& queue, std::string model, AcquireOptions options, bool needs_slot)
    : queue_(queue),
      model_(std::move(model)),
      options_(std::move(options)),
      needs_slot_(needs_slot),
      until_(deadline_after(options_.patience)) {
  const MutexLock lock(queue_.mutex_);
  if (queue_.ending_.stop_requested()) throw Error(ErrorCode::cancelled, "the host is ending");
  if (const std::size_t waiting = queue_.dispatcher_.waiting(); waiting >= queue_.longest_)
    throw Error(ErrorCode::busy, fmt::format("{} requests wait already", waiting), {{"waiting", waiting}});
  begin(queue_.dispatcher_.ask(model_, options_.when_busy, needs_slot_, options_.when_short, claim_of(options_)));
}

Queue::Request::Request(Queue& queue, TicketId lease, AcquireOptions options)
    : queue_(queue),
      model_([&] {
        const MutexLock lock(queue.mutex_);
        return queue.dispatcher_.model_of(lease);
      }()),
      options_(std::move(options)),
      needs_slot_(true),
      until_() {
  const MutexLock lock(queue_.mutex_);
  queue_.give_way_.erase(lease);
  begin(queue_.dispatcher_.give_way(lease, queue_.clock_.now()));
  if (!queue_.ending_.stop_requested()) return;
  queue_.dispatcher_.withdraw(ticket_);
  waiter_->refused = Error(ErrorCode::cancelled, "the host is ending");
}

void Queue::Request::begin(TicketId ticket) {
  ticket_ = ticket;
  waiter_ = &queue_.waiters_[ticket_];
  waiter_->needs_slot = needs_slot_;
  if (options_.give_way) queue_.give_way_[ticket_] = *options_.give_way;
  queue_.pump();
  at_once_ = waiter_->granted;
}

Queue::Request::~Request() {
  const MutexLock lock(queue_.mutex_);
  const bool is_answered = waiter_->granted || waiter_->refused;
  const bool has_slot = waiter_->resident != nullptr;
  const bool has_lease = waiter_->granted && needs_slot_;  // which ends later, where wait() has handed it out
  queue_.waiters_.erase(ticket_);
  if (!has_lease) queue_.give_way_.erase(ticket_);
  if (has_slot) {
    queue_.end_lease(ticket_, {});
  } else if (!is_answered) {
    queue_.dispatcher_.withdraw(ticket_);
    queue_.pump();  // who was to go for it may stay, and what is loaded for it alone is stopped
  }
  queue_.note_unused();
}

bool Queue::Request::is_answered() const {
  const MutexLock lock(queue_.mutex_);
  return waiter_->granted || waiter_->refused;
}

bool Queue::Request::holds_slot() const {
  const MutexLock lock(queue_.mutex_);
  return waiter_->resident != nullptr;
}

bool Queue::Request::is_over() const {
  return waiter_->granted || waiter_->refused || options_.stop.stop_requested() ||
         (until_ && std::chrono::steady_clock::now() >= *until_);
}

// Where it has a listener, and its place is not what that was told. Without the lock meanwhile.
void Queue::Request::tell_place() {
  for (;;) {
    const Dispatcher::Place place = queue_.dispatcher_.place_of(ticket_);
    if (!options_.waiting || is_over() || told_ == place.position) return;
    told_ = place.position;
    queue_.mutex_.unlock();
    std::exception_ptr thrown;
    try {
      options_.waiting(place);
    } catch (...) {
      thrown = std::current_exception();
    }
    queue_.mutex_.lock();
    if (thrown && !waiter_->granted && !waiter_->refused) std::rethrow_exception(thrown);
  }
}

bool Queue::Request::is_answered_by(std::optional<std::chrono::steady_clock::time_point> most) {
  const auto until = most && until_ ? std::min(*most, *until_) : most ? most : until_;
  MutexLock lock(queue_.mutex_);
  waiter_->wants_place = static_cast<bool>(options_.waiting);
  while (!is_over()) {
    tell_place();
    const auto has_news = [&] {
      queue_.mutex_.assert_held();
      return is_over() || (options_.waiting && queue_.dispatcher_.place_of(ticket_).position != *told_);
    };
    if (!until) {
      (void)waiter_->news.wait(lock, options_.stop, has_news);
    } else if (!waiter_->news.wait_until(lock, options_.stop, *until, has_news) && !is_over()) {
      return false;
    }
  }
  return true;
}

Queue::Granted Queue::Request::wait() {
  (void)is_answered_by({});
  const MutexLock lock(queue_.mutex_);
  if (!waiter_->granted) throw_why_not();
  return {.resident = std::exchange(waiter_->resident, nullptr),
          .waited = at_once_ ? 0 : watch_.elapsed_ms() / 1000,
          .lease = ticket_};
}

void Queue::Request::throw_why_not() const {
  if (waiter_->refused) throw *waiter_->refused;
  if (options_.stop.stop_requested())
    throw Error(ErrorCode::cancelled, fmt::format("waiting for '{}' was cancelled", model_));
  if (waiter_->short_of) throw *waiter_->short_of;
  const auto waited = static_cast<std::uint64_t>(options_.patience->count());
  throw Error(ErrorCode::busy, fmt::format("'{}' did not become free within {} ms", model_, waited),
              {{"waited_ms", waited}});
}

}  // namespace plimsoll::host
