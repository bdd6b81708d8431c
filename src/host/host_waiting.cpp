// How a request waits for its model.
#include <fmt/format.h>

#include <exception>
#include <optional>

#include <plimsoll/base/clock.hpp>
#include <plimsoll/base/error.hpp>

#include "host_impl.hpp"

namespace plimsoll::host {

// Whatever ends the waiting: nobody is waited for who waits no more, or the host could not end. With the lock held.
class Host::Impl::Waiting {
 public:
  Waiting(Impl& host, TicketId ticket) : host_(host), ticket_(ticket) {}
  ~Waiting() {
    const auto waiter = host_.waiters.find(ticket_);
    const bool answered = waiter != host_.waiters.end() && (waiter->second.granted || waiter->second.refused);
    if (waiter != host_.waiters.end()) host_.waiters.erase(waiter);
    if (!answered) {
      host_.dispatcher.withdraw(ticket_);
      host_.pump();  // who was to go for it may stay
    }
    host_.changed.notify_all();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  Impl& host_;
  TicketId ticket_;
};

Host::Impl::Granted Host::Impl::wait_for(const std::string& model, const AcquireOptions& request, bool needs_slot) {
  const Stopwatch watch;
  const auto until =
      request.patience ? std::optional(std::chrono::steady_clock::now() + *request.patience) : std::nullopt;
  retry_where_mended(model);  // throws where there is no such model
  std::unique_lock lock(mutex);
  if (ending.stop_requested()) throw Error(ErrorCode::cancelled, "the host is ending");
  if (dispatcher.waiting() >= options.longest_queue) {
    throw Error(ErrorCode::busy, fmt::format("{} requests wait already", dispatcher.waiting()),
                {{"waiting", dispatcher.waiting()}});
  }
  const TicketId ticket = dispatcher.ask(model, request.when_busy, needs_slot, request.when_short);
  const Waiting waiting(*this, ticket);
  Waiter& waiter = waiters[ticket];
  pump();
  const bool at_once = waiter.granted;

  const auto over = [&] {
    return waiter.granted || waiter.refused || request.stop.stop_requested() ||
           (until && std::chrono::steady_clock::now() >= *until);
  };
  std::exception_ptr from_listener;
  std::optional<std::size_t> told;
  while (!over() && !from_listener) {
    const Dispatcher::Place place = dispatcher.place_of(ticket);
    if (request.waiting && told != place.position) {
      told = place.position;
      lock.unlock();
      try {
        request.waiting(place);
      } catch (...) {
        from_listener = std::current_exception();
      }
      lock.lock();
      continue;
    }
    const auto news = [&] { return over() || (request.waiting && dispatcher.place_of(ticket).position != *told); };
    if (until) {
      (void)changed.wait_until(lock, request.stop, *until, news);
    } else {
      (void)changed.wait(lock, request.stop, news);
    }
  }
  if (waiter.refused) throw *waiter.refused;
  if (waiter.granted) {
    return {.resident = needs_slot ? residents.at(model) : nullptr, .waited = at_once ? 0 : watch.elapsed_ms() / 1000};
  }
  if (from_listener) std::rethrow_exception(from_listener);
  if (request.stop.stop_requested())
    throw Error(ErrorCode::cancelled, fmt::format("waiting for '{}' was cancelled", model));
  if (waiter.short_of) throw *waiter.short_of;
  throw Error(ErrorCode::busy, fmt::format("'{}' did not become free within {} ms", model, request.patience->count()),
              {{"waited_ms", static_cast<std::uint64_t>(request.patience->count())}});
}

}  // namespace plimsoll::host
