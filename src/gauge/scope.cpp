#include <plimsoll/gauge/scope.hpp>

#include <utility>

namespace plimsoll::gauge {
namespace {
thread_local Scope::Current current_scope;
}  // namespace

Scope::Scope(std::string owner, Phase phase)
    : previous_(std::exchange(current_scope, Current{.owner = std::move(owner), .phase = phase})) {}

Scope::~Scope() { current_scope = std::move(previous_); }

const Scope::Current& Scope::current() noexcept { return current_scope; }

}  // namespace plimsoll::gauge
