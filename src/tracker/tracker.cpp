#include "tracker/tracker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "tracker/attribution.hpp"
#include "tracker/shared_compute_buffers.hpp"

#include "allocation.hpp"
#include "host_pages.hpp"

namespace plimsoll::tracker {
namespace {

// Of a caller that must not fail: where there is no memory for a log line either, there is none.
template <class... Arguments>
void log_error(fmt::format_string<Arguments...> text, Arguments&&... arguments) noexcept {
  try {
    log::error("tracker", text, std::forward<Arguments>(arguments)...);
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
}

// A device that stands for several, and takes nothing itself: each of its parts is asked for on its own device.
bool is_several_devices(ggml_backend_buffer_type_t type) {
  ggml_backend_dev_t device = ggml_backend_buft_get_device(type);
  return device != nullptr && ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_META;
}

}  // namespace

// What stands in the ledger for a buffer.
struct Tracker::Placed {
  std::vector<ChargedBytes> charges;
  bool charged = true;  // false: page cache
};

Mode mode() { return hook::in_the_way() ? Mode::enforcing : Mode::advisory; }

std::string_view to_string(Mode mode) noexcept { return mode == Mode::enforcing ? "enforcing" : "advisory"; }

void require_enforcing() {
  if (mode() == Mode::enforcing) return;
  throw Error(
      ErrorCode::unsupported,
      "the memory hook is not in the way of ggml's allocator, so budgets cannot be enforced: link plimsoll::hook "
      "statically, or name libplimsoll-hook before libllama on the link line");
}

Tracker::Tracker(memory::Ledger& ledger, memory::AnyCapacity& capacity)
    : ledger_(ledger), capacity_(capacity), placed_(std::make_unique<Placements>()) {}

Tracker::~Tracker() { stop(); }

void Tracker::start() {
  if (!hook::exchange_observer(nullptr, this)) {
    throw Error(ErrorCode::internal, "another tracker is watching this process already");
  }
}

void Tracker::stop() noexcept { (void)hook::exchange_observer(this, nullptr); }

void Tracker::hold() {
  lenders_mutex_.lock();
  progress_mutex_.lock();
  mutex_.lock();
}

void Tracker::let_go() {
  mutex_.unlock();
  progress_mutex_.unlock();
  lenders_mutex_.unlock();
}

void Tracker::set_lender(const std::string& borrower, SharedComputeBuffers* compute_buffers) {
  const std::lock_guard lock(lenders_mutex_);
  if (compute_buffers != nullptr) {
    lenders_[borrower] = compute_buffers;
  } else {
    lenders_.erase(borrower);
  }
}

ggml_backend_buffer_t Tracker::allocate_as(const std::string& owner, const hook::Request& request) noexcept {
  try {
    const Scope scope(owner, Phase::context);
    return place(request);
  } catch (const std::exception& error) {
    log_error("an allocation for '{}' was refused because it could not be charged: {}", owner, error.what());
    return hook::refuse();
  }
}

// What cannot be charged is refused: that is the safe answer.
ggml_backend_buffer_t Tracker::allocate(const hook::Request& request) noexcept {
  try {
    if (SharedComputeBuffers* lender = lender_of(request)) return lender->lend(request, Scope::current().owner);
    return place(request);
  } catch (const std::exception& error) {
    log_error("an allocation was refused because it could not be charged: {}", error.what());
    Scope::note({.by = memory::RefusedBy::device, .device = device::host(), .requested = Bytes{request.bytes}});
    return hook::refuse();
  }
}

// A projector computes with a scheduler of its own, beside the context's; and a nested request belongs to the buffer
// that is being made.
SharedComputeBuffers* Tracker::lender_of(const hook::Request& request) {
  if (request.origin != hook::Origin::graph || request.nested) return nullptr;
  const Scope::Current& scope = Scope::current();
  if (scope.phase == Phase::projector) return nullptr;
  const std::lock_guard lock(lenders_mutex_);
  const auto found = lenders_.find(scope.owner);
  return found == lenders_.end() ? nullptr : found->second;
}

// Once ggml has answered nothing may throw, so the place in the table is made before.
ggml_backend_buffer_t Tracker::place(const hook::Request& request) {
  if (is_several_devices(request.type)) return hook::real::alloc_buffer(request.type, request.bytes);
  Allocation allocation(capacity_, request);
  if (auto granted = allocation.acquire(); !granted) {
    log::warn("tracker", "refused: {}", memory::to_sentence(granted.error()));
    Scope::note(std::move(granted.error()));
    return hook::refuse();
  }
  Placements made;
  made.try_emplace(nullptr);
  Placements::node_type place = made.extract(made.begin());

  ggml_backend_buffer_t buffer = hook::real::alloc_buffer(request.type, request.bytes);
  if (buffer == nullptr) {
    if (!allocation.refused_inside()) Scope::note(refused_by_device(request));
    return nullptr;
  }
  prefer_huge_pages(buffer);
  if (!is_there(buffer)) {
    // Told with the words of a device that has none left, instead of being ended by the kernel at the first touch. What
    // it was charged for is given back as for every buffer that is freed, and by the allocation.
    ggml_backend_buffer_free(buffer);
    memory::Refusal refusal = refused_by_device(request);
    refusal.device = device::host();
    log::warn("tracker", "refused: {}", memory::to_sentence(refusal));
    Scope::note(std::move(refusal));
    return hook::refuse();
  }
  allocation.placed();
  const std::lock_guard lock(mutex_);
  if (const auto known = placed_->find(buffer); known != placed_->end()) {
    known->second.charges = allocation.charges_for_buffer(std::move(known->second.charges));
    return buffer;
  }
  place.key() = buffer;
  place.mapped().charges = allocation.charges_for_buffer({});
  placed_->insert(std::move(place));
  return buffer;
}

bool Tracker::is_there(ggml_backend_buffer_t buffer) noexcept {
  if (!touches_.load(std::memory_order_relaxed)) return true;
  std::shared_ptr<const PrefaultProgress> progress;
  {
    const std::lock_guard lock(progress_mutex_);
    progress = progress_;
  }
  TouchProgress told;
  if (progress && *progress) told = [&](Bytes done, Bytes of) { (*progress)(Scope::current().owner, done, of); };
  return touch_pages(buffer, told) == Touched::there;
}

void Tracker::set_prefault_progress(PrefaultProgress progress) {
  auto next = std::make_shared<const PrefaultProgress>(std::move(progress));
  const std::lock_guard lock(progress_mutex_);
  progress_.swap(next);
}

memory::Refusal Tracker::refused_by_device(const hook::Request& request) const {
  const memory::Tag tag = tag_of(request);
  return {.by = memory::RefusedBy::device,
          .device = tag.device,
          .owner = tag.owner,
          .stage = tag.stage,
          .requested = Bytes{request.bytes},
          .available = {},
          .limit = {},
          .largest = ledger_.largest_on(tag.device)};
}

bool Tracker::take_buffer_back(ggml_backend_buffer_t buffer) noexcept {
  const std::string& borrower = Scope::current().owner;
  const std::lock_guard lock(lenders_mutex_);
  return std::ranges::any_of(lenders_, [&](const auto& one) { return one.second->take_back(buffer, borrower); });
}

void Tracker::after_mapping(const hook::Request& request, ggml_backend_buffer_t buffer) noexcept {
  try {
    const memory::Tag tag = tag_of(request);
    const Bytes bytes{request.bytes};
    Placements made;
    made.try_emplace(buffer, Placed{.charges = {{.tag = tag, .bytes = bytes}}, .charged = false});
    ledger_.note_uncharged(tag, bytes);
    const std::lock_guard lock(mutex_);
    placed_->merge(made);
  } catch (const std::exception& error) {
    log_error("mapped weights are not in the accounting: {}", error.what());
  }
}

void Tracker::before_free(ggml_backend_buffer_t buffer) noexcept {
  Placements::node_type place;
  {
    const std::lock_guard lock(mutex_);
    place = placed_->extract(buffer);
  }
  if (place.empty()) return;  // ggml's empty placeholders, and what was there before us
  Placed& placed = place.mapped();
  if (placed.charged) {
    for (const ChargedBytes& charge : placed.charges) capacity_.leaving(charge.tag, charge.bytes);
    Allocation::give_back(capacity_, placed.charges);
  } else {
    for (const ChargedBytes& charge : placed.charges) ledger_.forget_uncharged(charge.tag, charge.bytes);
  }
}

}  // namespace plimsoll::tracker
