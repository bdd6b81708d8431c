#include "reclaim_request.hpp"

#include <chrono>
#include <utility>

#include "own_loop.hpp"

namespace plimsoll::worker {
namespace {

// The batch that finds no room is tried again that often.
constexpr std::chrono::milliseconds kMoment{1};

}  // namespace

ReclaimRequest::ReclaimRequest(rpc::Host::Client host) : host_(held_for_own_loop(kj::mv(host))) {}

void ReclaimRequest::ask() {
  own_loop().post([self = shared_from_this()] {
    self->host_->makeRoomRequest()
        .send()
        .then([self](auto&& done) { self->answered(done.getWasMade() ? State::made : State::none); })
        .detach([self](kj::Exception&&) { self->answered(State::none); });
  });
}

void ReclaimRequest::answered(State state) {
  const std::lock_guard lock(mutex_);
  state_ = state;
  changed_.notify_all();
}

bool ReclaimRequest::look() {
  std::unique_lock lock(mutex_);
  if (state_ == State::not_asked) {
    state_ = State::asked;
    ask();
  }
  if (!changed_.wait_for(lock, kMoment, [&] { return state_ != State::asked; })) return true;
  return std::exchange(state_, State::not_asked) == State::made;
}

}  // namespace plimsoll::worker
