// What `plimsoll ps` shows of a guarded program.
#include <chrono>

#include "accounts.hpp"

namespace plimsoll::guard {
namespace {

constexpr std::int64_t kShownAgain = 1000;

std::int64_t now_ms() noexcept {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

// It may not be asked to go: nobody here could free it.
void Accounts::show_model(const std::string& model) {
  const std::lock_guard lock(gate_);
  shown_.set(model, {.work = broker::Work::ready, .idle_since = broker::boot_time()});
}

void Accounts::show_context(const std::string& context, const std::string& model) {
  const std::lock_guard lock(gate_);
  shown_.set(context, {.comes_with = model});
}

void Accounts::forget(const std::string& owner) {
  const std::lock_guard lock(gate_);
  shown_.forget(owner);
}

void Accounts::used(const std::string& model) {
  const std::int64_t now = now_ms();
  std::int64_t last = shown_at_.load(std::memory_order_relaxed);
  if (now - last < kShownAgain || !shown_at_.compare_exchange_strong(last, now, std::memory_order_relaxed)) return;
  show_model(model);
  publish();
}

void Accounts::leave_machine() noexcept {
  const std::lock_guard lock(gate_);
  machine_->leave();
}

// Whatever somebody has done to the ledger's file is mended on the way.
void Accounts::publish() noexcept {
  const std::lock_guard lock(gate_);
  allowance_.settle();
  machine_->mend();
  shown_.publish();
}

}  // namespace plimsoll::guard
