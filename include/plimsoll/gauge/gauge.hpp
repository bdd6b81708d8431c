// Gauge: sees every allocation that ggml makes, attributes it, and asks for capacity before it happens.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <plimsoll/gauge/hook.hpp>
#include <plimsoll/memory/capacity.hpp>
#include <plimsoll/memory/ledger.hpp>

namespace plimsoll::gauge {

// enforcing: the self-check proved that allocations pass through the hook, so a refusal is a refusal.
// advisory: they do not (a shared build linked in the wrong order); nothing can be refused, plans still hold.
enum class Mode { enforcing, advisory };
[[nodiscard]] Mode mode();
[[nodiscard]] std::string_view to_string(Mode mode) noexcept;
// Throws Error{unsupported} with what to change in the build where the hook is not in the way.
void require_enforcing();

struct Denied {
  memory::Tag tag;
  Bytes bytes;
  memory::Denial why = memory::Denial::over_line;
};

// What was refused on one thread since it was last asked: by our books, or by the device itself.
struct Refusals {
  std::optional<Denied> denied{};
  bool by_device = false;
};

class SharedScratch;

// One per process is active at a time. Any thread.
class Gauge final : public hook::Observer {
 public:
  // Capacity is asked for every charged buffer; mapped ones go to the ledger as page cache. Both outlive the gauge.
  Gauge(memory::Ledger& ledger, memory::AnyCapacity& capacity);
  ~Gauge() override;  // stands aside first

  // Puts itself in the hook's way; throws Error{internal} where another gauge is there already.
  void start();
  void stop() noexcept;

  // The last refusal on this thread since the last call.
  [[nodiscard]] static Refusals take_refusals();
  // As if they had happened on this thread: for work that another thread did for it.
  static void put_refusals(Refusals refusals);

  // Compute buffers of that owner come from there; null: from the device again. Not while its contexts have any.
  void set_lender(const std::string& borrower, SharedScratch* scratch);
  // A buffer booked under that owner, whoever's scope this thread is in; null where it was refused.
  [[nodiscard]] ggml_backend_buffer_t allocate_as(const std::string& owner, const hook::Request& request) noexcept;

  // For tests: the n-th allocation from now (0 is the next) is refused as if over the line; negative: none.
  void refuse_nth(std::int64_t n) noexcept { refuse_in_.store(n); }
  // Likewise, as if the device had no memory left: somebody else took it.
  void fail_nth(std::int64_t n) noexcept { fail_in_.store(n); }

  bool before_allocation(const hook::Request& request) noexcept override;
  void after_allocation(const hook::Request& request, ggml_backend_buffer_t buffer) noexcept override;
  void before_free(ggml_backend_buffer_t buffer) noexcept override;
  bool lend_buffer(const hook::Request& request, ggml_backend_buffer_t& result) noexcept override;
  bool take_buffer_back(ggml_backend_buffer_t buffer) noexcept override;

 private:
  struct Placed {
    memory::Tag tag;
    Bytes bytes;
    bool charged = true;
  };
  memory::Ledger& ledger_;
  memory::AnyCapacity& capacity_;
  std::mutex mutex_;
  std::unordered_map<ggml_backend_buffer_t, Placed> placed_;
  std::mutex lenders_mutex_;
  std::map<std::string, SharedScratch*> lenders_;  // by borrower
  std::atomic<std::int64_t> refuse_in_{-1};
  std::atomic<std::int64_t> fail_in_{-1};
};

}  // namespace plimsoll::gauge
