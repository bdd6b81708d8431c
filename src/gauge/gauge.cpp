#include <plimsoll/gauge/gauge.hpp>

#include <algorithm>
#include <exception>
#include <utility>

#include <plimsoll/base/error.hpp>
#include <plimsoll/base/log.hpp>
#include <plimsoll/gauge/attribution.hpp>
#include <plimsoll/gauge/shared_scratch.hpp>

#include "huge_pages.hpp"

namespace plimsoll::gauge {
namespace {

thread_local Refusals refusals;

}  // namespace

Mode mode() { return hook::in_the_way() ? Mode::enforcing : Mode::advisory; }

std::string_view to_string(Mode mode) noexcept { return mode == Mode::enforcing ? "enforcing" : "advisory"; }

void require_enforcing() {
  if (mode() == Mode::enforcing) return;
  throw Error(ErrorCode::unsupported,
              "the memory hook is not in the way of ggml's allocator, so lines cannot be enforced: link plimsoll::hook "
              "statically, or name libplimsoll-hook before libllama on the link line");
}

Gauge::Gauge(memory::Ledger& ledger, memory::AnyCapacity& capacity) : ledger_(ledger), capacity_(capacity) {}

Gauge::~Gauge() { stop(); }

void Gauge::start() {
  if (!hook::exchange_observer(nullptr, this)) {
    throw Error(ErrorCode::internal, "another gauge is watching this process already");
  }
}

void Gauge::stop() noexcept { (void)hook::exchange_observer(this, nullptr); }

Refusals Gauge::take_refusals() { return std::exchange(refusals, Refusals{}); }

void Gauge::put_refusals(Refusals others) { refusals = std::move(others); }

void Gauge::set_lender(const std::string& borrower, SharedScratch* scratch) {
  const std::lock_guard lock(lenders_mutex_);
  if (scratch != nullptr) {
    lenders_[borrower] = scratch;
  } else {
    lenders_.erase(borrower);
  }
}

ggml_backend_buffer_t Gauge::allocate_as(const std::string& owner, const hook::Request& request) noexcept {
  const Scope scope(owner, Phase::context);
  if (!before_allocation(request)) return nullptr;
  ggml_backend_buffer_t buffer = hook::real::alloc_buffer(request.type, request.bytes);
  after_allocation(request, buffer);
  return buffer;
}

bool Gauge::lend_buffer(const hook::Request& request, ggml_backend_buffer_t& result) noexcept {
  if (fail_in_.load(std::memory_order_relaxed) >= 0 && fail_in_.fetch_sub(1) == 0) {
    if (before_allocation(request)) after_allocation(request, nullptr);
    return true;
  }
  // A projector computes with a scheduler of its own, beside the context's.
  if (request.origin != hook::Origin::graph || Scope::current().phase == Phase::projector) return false;
  try {
    const std::string& borrower = Scope::current().owner;
    const std::lock_guard lock(lenders_mutex_);
    const auto found = lenders_.find(borrower);
    if (found == lenders_.end()) return false;
    result = found->second->lend(request, borrower);
    return true;
  } catch (const std::exception& error) {
    log::error("gauge", "a shared buffer could not be lent: {}", error.what());
    return true;
  }
}

bool Gauge::take_buffer_back(ggml_backend_buffer_t buffer) noexcept {
  const std::string& borrower = Scope::current().owner;
  const std::lock_guard lock(lenders_mutex_);
  return std::ranges::any_of(lenders_, [&](const auto& one) { return one.second->take_back(buffer, borrower); });
}

bool Gauge::before_allocation(const hook::Request& request) noexcept {
  try {
    memory::Tag tag = tag_of(request);
    const Bytes bytes{request.bytes};
    if (refuse_in_.load(std::memory_order_relaxed) >= 0 && refuse_in_.fetch_sub(1) == 0) {
      refusals.denied = Denied{.tag = std::move(tag), .bytes = bytes};
      return false;
    }
    if (const auto granted = capacity_.try_acquire(tag, bytes); !granted) {
      log::warn("gauge", "refused {} of {} on {} for '{}' ({})", format_bytes(bytes), memory::to_string(tag.stage),
                tag.device.name(), tag.owner, granted.error() == memory::Denial::sealed ? "sealed" : "over the line");
      refusals.denied = Denied{.tag = std::move(tag), .bytes = bytes, .why = granted.error()};
      return false;
    }
    return true;
  } catch (const std::exception& error) {  // out of memory for our own books: refusing is the safe answer
    log::error("gauge", "an allocation was refused because it could not be booked: {}", error.what());
    return false;
  }
}

void Gauge::after_allocation(const hook::Request& request, ggml_backend_buffer_t buffer) noexcept {
  try {
    memory::Tag tag = tag_of(request);
    const Bytes bytes{request.bytes};
    const bool charged = request.origin != hook::Origin::mapped;
    if (buffer == nullptr) {
      capacity_.release(tag, bytes);
      refusals.by_device = true;
      return;
    }
    if (charged) prefer_huge_pages(buffer);
    if (!charged) ledger_.note_uncharged(tag, bytes);
    const std::lock_guard lock(mutex_);
    placed_[buffer] = Placed{.tag = std::move(tag), .bytes = bytes, .charged = charged};
  } catch (const std::exception& error) {
    log::error("gauge", "an allocation could not be booked: {}", error.what());
  }
}

void Gauge::before_free(ggml_backend_buffer_t buffer) noexcept {
  Placed placed;
  {
    const std::lock_guard lock(mutex_);
    const auto found = placed_.find(buffer);
    if (found == placed_.end()) return;  // ggml's empty placeholders, and what was there before us
    placed = std::move(found->second);
    placed_.erase(found);
  }
  if (placed.charged) {
    capacity_.release(placed.tag, placed.bytes);
  } else {
    ledger_.forget_uncharged(placed.tag, placed.bytes);
  }
}

}  // namespace plimsoll::gauge
