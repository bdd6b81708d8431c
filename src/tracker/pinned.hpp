// pinned: host memory that a device reads and writes at its link's speed.
#pragma once
#include <ggml-backend.h>

#include <memory>

namespace plimsoll::tracker {

struct FreePinned {
  void operator()(ggml_backend_buffer_t buffer) const noexcept { ggml_backend_buffer_free(buffer); }
};
using PinnedBuffer = std::unique_ptr<ggml_backend_buffer, FreePinned>;

// The type of such memory, where the device copies beside computing; null where it does not, or has none.
[[nodiscard]] ggml_backend_buffer_type_t pinned_type_of(ggml_backend_dev_t device);

// The device whose plain memory the tensor lies in, where there is pinned memory for it. Null: the host's, a split
// tensor, a device that takes weights in another way.
[[nodiscard]] ggml_backend_dev_t uploadable_device_of(const ggml_tensor* tensor);

}  // namespace plimsoll::tracker
