// FaultInjector: stands in front of a tracker and answers one allocation with "no", as our budget or as the device
// would.
#pragma once
#include <atomic>
#include <cstdint>

#include "tracker/tracker.hpp"

namespace plimsoll::test {

// In the hook's way while it lives, in the tracker's place, which outlives it. Any thread.
class FaultInjector final : public hook::Observer {
 public:
  explicit FaultInjector(tracker::Tracker& tracker);
  ~FaultInjector() override;

  // The n-th allocation from now (0 is the next) is refused as if over the budget; negative: none.
  void refuse_nth(std::int64_t n) noexcept { refuse_in_.store(n); }
  // Likewise, as if the device had no memory left: somebody else took it.
  void fail_nth(std::int64_t n) noexcept { fail_in_.store(n); }

  ggml_backend_buffer_t allocate(const hook::Request& request) noexcept override;
  void after_mapping(const hook::Request& request, ggml_backend_buffer_t buffer) noexcept override;
  void before_free(ggml_backend_buffer_t buffer) noexcept override;
  bool take_buffer_back(ggml_backend_buffer_t buffer) noexcept override;

 private:
  tracker::Tracker& tracker_;
  std::atomic<std::int64_t> refuse_in_{-1};
  std::atomic<std::int64_t> fail_in_{-1};
};

}  // namespace plimsoll::test
