#include "host/lease_request.hpp"

#include <optional>
#include <utility>

#include "base/log.hpp"
#include "host/host.hpp"

#include "lease_state.hpp"

namespace plimsoll::host {

using Deadline = std::optional<std::chrono::steady_clock::time_point>;  // none: as long as it takes

struct LeaseRequest::State {
  State(Host::Impl& the_host, std::string the_model, AcquireOptions the_options)
      : host(the_host), model(std::move(the_model)), options(std::move(the_options)) {
    if (options.conversation) host.conversations().claim(*options.conversation, model);
    try {
      ask();
    } catch (...) {
      unclaim();
      throw;
    }
  }
  ~State() { unclaim(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void unclaim() noexcept {
    if (options.conversation) host.conversations().unclaim(*options.conversation);
  }
  void ask() {
    host.try_again_where_files_changed(model);
    request.emplace(host.queue(), model, options, true);
  }
  [[nodiscard]] bool is_granted_by(Deadline until);
  [[nodiscard]] bool hold(Queue::Granted granted);

  Host::Impl& host;
  const std::string model;
  AcquireOptions options;
  std::optional<Queue::Request> request;
  double waited = 0;  // seconds, in the queue
  std::unique_ptr<Lease::State> lease;
};

// False: the model's file is another one than was loaded, so it is asked for again.
bool LeaseRequest::State::hold(Queue::Granted granted) {
  waited += granted.waited;
  if (!granted.resident->is_intact()) {
    log::warn("host", "'{}': its file was changed while the model was in use; it is loaded again", model);
    granted.resident.reset();  // before others may take it away
    host.queue().give_back_outdated(granted.lease);
    return false;
  }
  host.note_wait(model, waited);
  lease = std::make_unique<Lease::State>();
  lease->number = granted.lease;
  lease->resident = std::move(granted.resident);
  lease->host = &host;
  return true;
}

// False: not within that time. Throws where it is refused.
bool LeaseRequest::State::is_granted_by(Deadline until) {
  while (!lease) {
    if (!request->is_answered_by(until)) return false;
    if (!hold(request->wait())) ask();
  }
  request.reset();
  return true;
}

LeaseRequest::LeaseRequest(Host& host, std::string model, AcquireOptions options)
    : state_(std::make_unique<State>(*host.impl_, std::move(model), std::move(options))) {}
LeaseRequest::~LeaseRequest() = default;

bool LeaseRequest::wait_for(std::chrono::milliseconds most) {
  return state_->is_granted_by(std::chrono::steady_clock::now() + most);
}

Lease LeaseRequest::take() {
  (void)state_->is_granted_by({});
  auto lease = std::move(state_->lease);
  lease->kept = std::exchange(state_->options.conversation, std::nullopt);
  if (lease->kept) lease->acquire_sequence();  // where this throws, the lease is given back
  return Lease(std::move(lease));
}

}  // namespace plimsoll::host
