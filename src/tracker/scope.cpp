#include "tracker/scope.hpp"

#include <utility>

namespace plimsoll::tracker {
namespace {

thread_local Scope* innermost_scope = nullptr;

}  // namespace

Scope::Scope(std::string owner, Phase phase)
    : here_{.owner = std::move(owner), .phase = phase}, enclosing_(std::exchange(innermost_scope, this)) {}

Scope::~Scope() {
  innermost_scope = enclosing_;
  if (refusal_) note(std::move(*refusal_));
}

std::optional<memory::Refusal> Scope::take_refusal() noexcept { return std::exchange(refusal_, std::nullopt); }

const Scope::Current& Scope::current() noexcept {
  static const Current kNobody{};
  return innermost_scope == nullptr ? kNobody : innermost_scope->here_;
}

void Scope::note(memory::Refusal refusal) noexcept {
  if (innermost_scope != nullptr) innermost_scope->refusal_ = std::move(refusal);
}

Scope::Joined::Joined(Scope& scope) noexcept : previous_(std::exchange(innermost_scope, &scope)) {}
Scope::Joined::~Joined() { innermost_scope = previous_; }

}  // namespace plimsoll::tracker
