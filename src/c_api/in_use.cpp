#include "in_use.hpp"

#include <string>

#include <plimsoll/base/error.hpp>

namespace plimsoll::c_api {

bool InUse::enter() noexcept {
  const std::thread::id me = std::this_thread::get_id();
  std::thread::id nobody;
  if (owner_.load() != me && !owner_.compare_exchange_strong(nobody, me)) return false;
  ++depth_;
  return true;
}

void InUse::leave() noexcept {
  if (--depth_ == 0) owner_.store(std::thread::id());
}

Entered::Entered(std::shared_ptr<InUse> in_use, const char* what) : in_use_(std::move(in_use)) {
  if (!in_use_->enter())
    throw Error(ErrorCode::usage,
                std::string("this ") + what + " is in use by another thread: it takes one call at a time");
}

}  // namespace plimsoll::c_api
