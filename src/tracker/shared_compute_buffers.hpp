// SharedComputeBuffers: compute buffers that several contexts use in turns: one for each buffer type, as large as the
// largest of them needs.
#pragma once
#include <ggml-backend.h>

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include "tracker/hook.hpp"

namespace plimsoll::tracker {

class Tracker;

// Its borrowers' compute buffers are these, taken from the device when the first borrower asks and kept until this is
// destroyed. Contexts that borrow must not compute at the same time, and each begins its
// turn with what the one before left in the buffers: see clear(). It outlives its borrowers' contexts; the tracker
// outlives it. Any thread.
class SharedComputeBuffers {
 public:
  // Bytes that the largest borrower asks for, by ggml's buffer type name ("Vulkan0").
  using Sizes = std::vector<std::pair<std::string, Bytes>>;

  // The buffers are charged under `owner`, as compute.
  SharedComputeBuffers(Tracker& tracker, std::string owner, Sizes sizes);
  ~SharedComputeBuffers();
  SharedComputeBuffers(const SharedComputeBuffers&) = delete;
  SharedComputeBuffers& operator=(const SharedComputeBuffers&) = delete;

  [[nodiscard]] const std::string& owner() const noexcept { return owner_; }
  // What that owner of a Scope allocates for graphs comes from here until the Borrowing is destroyed.
  class Borrowing;
  [[nodiscard]] std::unique_ptr<Borrowing> lend_to(const std::string& borrower);

  // Writes zeros over the buffers of accelerators: kernels there were seen to read memory that nobody wrote, so what
  // another model left would change what they compute. The CPU's kernels do not (identical logits, measured 2026-11).
  void clear();

 private:
  friend class Tracker;
  struct Buffer {
    ggml_backend_buffer_type_t type;
    Bytes size;
    ggml_backend_buffer_t buffer = nullptr;  // null: being allocated
    std::multiset<std::string> borrowers{};  // who has it now
  };
  using Buffers = std::list<Buffer>;
  // Null: refused. No lock is held while ggml allocates; a second request for the same type waits for the first.
  [[nodiscard]] ggml_backend_buffer_t lend(const hook::Request& request, const std::string& borrower);
  [[nodiscard]] bool take_back(ggml_backend_buffer_t buffer, const std::string& borrower);
  void forget(const std::string& borrower);
  [[nodiscard]] std::vector<ggml_backend_buffer_t> device_buffers();
  [[nodiscard]] Bytes size_for(const hook::Request& request, Bytes most) const;

  Tracker& tracker_;
  std::string owner_;
  Sizes sizes_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  Buffers buffers_;
};

// One borrower's right. The borrower's contexts are gone before it is.
class SharedComputeBuffers::Borrowing {
 public:
  Borrowing(SharedComputeBuffers& compute_buffers, std::string borrower);
  ~Borrowing();
  Borrowing(const Borrowing&) = delete;
  Borrowing& operator=(const Borrowing&) = delete;

 private:
  SharedComputeBuffers& compute_buffers_;
  std::string borrower_;
};

}  // namespace plimsoll::tracker
