#include "fault_injector.hpp"

#include <stdexcept>

#include "tracker/attribution.hpp"
#include "tracker/scope.hpp"

namespace plimsoll::test {
namespace {

bool is_due(std::atomic<std::int64_t>& countdown) {
  return countdown.load(std::memory_order_relaxed) >= 0 && countdown.fetch_sub(1) == 0;
}

void note(const hook::Request& request, memory::RefusedBy by) {
  const memory::Tag tag = tracker::tag_of(request);
  tracker::Scope::note({.by = by,
                        .device = tag.device,
                        .owner = tag.owner,
                        .stage = tag.stage,
                        .requested = Bytes{request.bytes},
                        .available = {},
                        .limit = {},
                        .largest = {}});
}

}  // namespace

FaultInjector::FaultInjector(tracker::Tracker& tracker) : tracker_(tracker) {
  if (!hook::exchange_observer(&tracker_, this)) throw std::logic_error("the tracker is not in the hook's way");
}

FaultInjector::~FaultInjector() { (void)hook::exchange_observer(this, &tracker_); }

ggml_backend_buffer_t FaultInjector::allocate(const hook::Request& request) noexcept {
  if (is_due(refuse_in_)) {
    note(request, memory::RefusedBy::budget);
    return hook::refuse();
  }
  if (is_due(fail_in_)) {
    note(request, memory::RefusedBy::device);
    return nullptr;
  }
  return tracker_.allocate(request);
}

void FaultInjector::after_mapping(const hook::Request& request, ggml_backend_buffer_t buffer) noexcept {
  tracker_.after_mapping(request, buffer);
}
void FaultInjector::before_free(ggml_backend_buffer_t buffer) noexcept { tracker_.before_free(buffer); }
bool FaultInjector::take_buffer_back(ggml_backend_buffer_t buffer) noexcept {
  return tracker_.take_buffer_back(buffer);
}

}  // namespace plimsoll::test
