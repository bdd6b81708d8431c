#include "pinned.hpp"

#include <ggml.h>

namespace plimsoll::tracker {

// As the engine judges, where it copies with a backend of its own.
ggml_backend_buffer_type_t pinned_type_of(ggml_backend_dev_t device) {
  if (device == nullptr) return nullptr;
  ggml_backend_dev_props properties{};
  ggml_backend_dev_get_props(device, &properties);
  const bool is_card =
      properties.type == GGML_BACKEND_DEVICE_TYPE_GPU || properties.type == GGML_BACKEND_DEVICE_TYPE_IGPU;
  if (!is_card || !properties.caps.async || !properties.caps.host_buffer) return nullptr;
  return ggml_backend_dev_host_buffer_type(device);
}

ggml_backend_dev_t uploadable_device_of(const ggml_tensor* tensor) {
  ggml_backend_buffer_t buffer = tensor->view_src != nullptr ? tensor->view_src->buffer : tensor->buffer;
  if (buffer == nullptr || ggml_backend_buffer_is_host(buffer) || !ggml_is_contiguous(tensor)) return nullptr;
  ggml_backend_buffer_type_t type = ggml_backend_buffer_get_type(buffer);
  ggml_backend_dev_t device = ggml_backend_buft_get_device(type);
  if (device == nullptr || type != ggml_backend_dev_buffer_type(device)) return nullptr;
  return pinned_type_of(device) != nullptr ? device : nullptr;
}

}  // namespace plimsoll::tracker
