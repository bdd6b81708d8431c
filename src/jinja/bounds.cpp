#include "bounds.hpp"

#include <algorithm>

#include <plimsoll/base/error.hpp>

namespace plimsoll::jinja {
namespace {

constexpr std::size_t kStepsBetweenLooks = 4096;
constexpr std::size_t kBytesForOneStep = 64;

thread_local Bounds* bounds_of_thread = nullptr;

}  // namespace

Bounds::Bounds(const Limits& limits, std::stop_token stop)
    : limits_(limits), stop_(std::move(stop)), outer_(std::exchange(bounds_of_thread, this)) {}

Bounds::~Bounds() { bounds_of_thread = outer_; }

Bounds* Bounds::current() noexcept { return bounds_of_thread; }

void Bounds::look() {
  if (stop_.stop_requested()) throw Error(ErrorCode::cancelled, "the rendering of the chat template was stopped");
  if (steps_ > limits_.steps) fail("the template takes more than {} steps", limits_.steps);
  next_look_ = std::min(steps_ + kStepsBetweenLooks, limits_.steps + 1);
}

void Bounds::take(std::size_t bytes) {
  if (bytes > limits_.memory - std::min(held_, limits_.memory)) {
    fail("the template holds more than {} MiB of values", limits_.memory >> 20);
  }
  held_ += bytes;
  step(bytes / kBytesForOneStep);
}

void Bounds::enter() {
  if (depth_ >= limits_.depth) fail("the template goes more than {} levels deep", limits_.depth);
  ++depth_;
}

void charge_text(std::size_t bytes) {
  if (Bounds* bounds = Bounds::current()) bounds->step(bytes / kBytesForOneStep);
}

void charge_items(std::size_t count) {
  if (Bounds* bounds = Bounds::current()) bounds->step(count);
}

}  // namespace plimsoll::jinja
