#include "memory/owner.hpp"

#include <fmt/format.h>

#include <utility>

#include <plimsoll/base/error.hpp>

namespace plimsoll::memory {

Owner::Owner(Owner&& other) noexcept
    : taken_(std::move(other.taken_)), name_(std::exchange(other.name_, std::string{})) {}

Owner& Owner::operator=(Owner&& other) noexcept {
  if (this != &other) {
    release();
    taken_ = std::move(other.taken_);
    name_ = std::exchange(other.name_, std::string{});
  }
  return *this;
}

Owner::~Owner() { release(); }

void Owner::release() noexcept {
  if (taken_ == nullptr) return;
  const std::lock_guard lock(taken_->mutex);
  taken_->names.erase(name_);
}

Owner OwnerNames::claim(const std::string& name) {
  const std::lock_guard lock(taken_->mutex);
  if (!taken_->names.insert(name).second) {
    throw Error(ErrorCode::usage,
                fmt::format("a model of the name '{}' is open already; give this one a name of its own", name));
  }
  return {taken_, name};
}

Owner OwnerNames::claim_numbered(const std::string& name) {
  const std::lock_guard lock(taken_->mutex);
  std::string free = name;
  for (int number = 2; !taken_->names.insert(free).second; ++number) free = fmt::format("{}-{}", name, number);
  return {taken_, std::move(free)};
}

}  // namespace plimsoll::memory
