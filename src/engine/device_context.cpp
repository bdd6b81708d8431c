#include "engine/device_context.hpp"

#include <ggml-backend.h>

#include "engine/backend.hpp"

namespace plimsoll::engine {

bool make_device_context(const std::string& device) {
  start_backends();
  ggml_backend_dev_t handle = ggml_backend_dev_by_name(device.c_str());
  if (handle == nullptr) return false;
  ggml_backend_t backend = ggml_backend_dev_init(handle, nullptr);
  if (backend == nullptr) return false;
  ggml_backend_synchronize(backend);  // on CUDA the context comes with the first stream, which this makes
  ggml_backend_free(backend);
  return true;
}

}  // namespace plimsoll::engine
