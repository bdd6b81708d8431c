// Tracker: sees every allocation that ggml makes, attributes it, and asks for capacity before it happens.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "memory/capacity.hpp"
#include "memory/ledger.hpp"
#include "tracker/hook.hpp"
#include "tracker/uploads.hpp"

namespace plimsoll::tracker {

// enforcing: the self-check proved that allocations pass through the hook, so a refusal is a refusal.
// advisory: they do not (a shared build linked in the wrong order); nothing can be refused, plans still hold.
enum class Mode { enforcing, advisory };
[[nodiscard]] Mode mode();
[[nodiscard]] std::string_view to_string(Mode mode) noexcept;
// Throws Error{unsupported} with what to change in the build where the hook is not in the way.
void require_enforcing();

class SharedComputeBuffers;

// One per process is active at a time. Any thread.
class Tracker final : public hook::Observer {
 public:
  // Capacity is asked for every charged buffer, before ggml is; mapped ones go to the ledger as page cache. Both
  // outlive the tracker.
  Tracker(memory::Ledger& ledger, memory::AnyCapacity& capacity);
  ~Tracker() override;  // stops first, and waits for calls that are under way

  // Puts itself in the hook's way; throws Error{internal} where another tracker is there already.
  void start();
  void stop() noexcept;

  // True (the default): every page of a host buffer is touched as soon as ggml has it, and a buffer that the kernel has
  // no memory for is refused as by a device. False: the kernel gives pages at their first use; until then it may
  // promise them to another process, and where none are left it ends the process that touches one.
  void set_prefault(bool prefault) noexcept { touches_.store(prefault, std::memory_order_relaxed); }

  // Called on the allocating thread while a large host buffer is touched, which takes seconds. What it throws is
  // swallowed. Empty: none. A call that is under way may still reach the previous one.
  using PrefaultProgress = std::function<void(const std::string& owner, Bytes done, Bytes of)>;
  void set_prefault_progress(PrefaultProgress progress);

  // Models with at least so much on accelerators are loaded with Uploads (default: kWorthUploading).
  void set_uploads_from(Bytes least) noexcept { uploads_from_.store(least.value(), std::memory_order_relaxed); }
  [[nodiscard]] Bytes uploads_from() const noexcept { return Bytes{uploads_from_.load(std::memory_order_relaxed)}; }

  // Compute buffers of that owner come from these; null: from the device again. Not while its contexts hold any.
  void set_lender(const std::string& borrower, SharedComputeBuffers* compute_buffers);
  // A buffer charged under that owner, whatever the thread's scope; null where it was refused, and then the scope has
  // the refusal.
  [[nodiscard]] ggml_backend_buffer_t allocate_as(const std::string& owner, const hook::Request& request) noexcept;

  // Between these two no other thread has one of its locks, so that the process may be forked. Nothing else is called
  // then.
  void hold();
  void let_go();

  // Refusals are left with the thread's Scope.
  ggml_backend_buffer_t allocate(const hook::Request& request) noexcept override;
  void after_mapping(const hook::Request& request, ggml_backend_buffer_t buffer) noexcept override;
  void before_free(ggml_backend_buffer_t buffer) noexcept override;
  bool take_buffer_back(ggml_backend_buffer_t buffer) noexcept override;

 private:
  struct Placed;
  using Placements = std::map<ggml_backend_buffer_t, Placed>;
  [[nodiscard]] SharedComputeBuffers* lender_of(const hook::Request& request);
  [[nodiscard]] ggml_backend_buffer_t place(const hook::Request& request);
  // Every page of a host buffer, where that is asked for; else whatever there is of it.
  [[nodiscard]] bool is_there(ggml_backend_buffer_t buffer) noexcept;
  [[nodiscard]] memory::Refusal refused_by_device(const hook::Request& request) const;

  memory::Ledger& ledger_;
  memory::AnyCapacity& capacity_;
  std::mutex mutex_;  // of placed_; nothing is called while it is held
  std::unique_ptr<Placements> placed_;
  std::atomic<bool> touches_ = true;
  std::mutex progress_mutex_;  // of progress_; nothing is called while it is held
  std::shared_ptr<const PrefaultProgress> progress_;
  std::atomic<std::uint64_t> uploads_from_ = kWorthUploading.value();
  std::mutex lenders_mutex_;                              // no ggml call is made while it is held
  std::map<std::string, SharedComputeBuffers*> lenders_;  // by borrower
};

}  // namespace plimsoll::tracker
