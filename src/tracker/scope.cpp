#include "tracker/scope.hpp"

#include <utility>

namespace plimsoll::tracker {
namespace {

thread_local Scope* innermost = nullptr;

}  // namespace

Scope::Scope(std::string owner, Phase phase)
    : here_{.owner = std::move(owner), .phase = phase}, enclosing_(std::exchange(innermost, this)) {}

Scope::~Scope() {
  innermost = enclosing_;
  if (refusal_) note(std::move(*refusal_));
}

std::optional<memory::Refusal> Scope::take_refusal() noexcept { return std::exchange(refusal_, std::nullopt); }

const Scope::Current& Scope::current() noexcept {
  static const Current kNobody{};
  return innermost == nullptr ? kNobody : innermost->here_;
}

void Scope::note(memory::Refusal refusal) noexcept {
  if (innermost != nullptr) innermost->refusal_ = std::move(refusal);
}

Scope::Joined::Joined(Scope& scope) noexcept : previous_(std::exchange(innermost, &scope)) {}
Scope::Joined::~Joined() { innermost = previous_; }

}  // namespace plimsoll::tracker
