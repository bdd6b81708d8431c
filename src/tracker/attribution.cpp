#include "tracker/attribution.hpp"

namespace plimsoll::tracker {

device::DeviceId device_of(ggml_backend_buffer_type_t type) {
  if (type == nullptr || ggml_backend_buft_is_host(type)) return device::host();
  ggml_backend_dev_t device = ggml_backend_buft_get_device(type);
  return device == nullptr ? device::host() : device::DeviceId{ggml_backend_dev_name(device)};
}

std::string buffer_name(ggml_backend_buffer_type_t type) { return type == nullptr ? "" : ggml_backend_buft_name(type); }

memory::Stage stage_of(hook::Origin origin, Phase phase) noexcept {
  using memory::Stage;
  if (phase == Phase::projector) return Stage::projector;
  if (phase == Phase::staging) return Stage::staging;
  switch (origin) {
    case hook::Origin::graph:
      return Stage::compute;
    case hook::Origin::mapped:
      return Stage::weights;
    case hook::Origin::tensors:
    case hook::Origin::direct:
      break;
  }
  switch (phase) {
    case Phase::load:
      return Stage::weights;
    case Phase::adapter:
      return Stage::adapter;
    case Phase::projector:
    case Phase::staging:
    case Phase::context:
    case Phase::decode:
    case Phase::none:
      break;
  }
  return origin == hook::Origin::tensors ? Stage::kv_cache : Stage::output;
}

memory::Tag tag_of(const hook::Request& request) {
  const Scope::Current& scope = Scope::current();
  return {.device = device_of(request.type),
          .owner = scope.owner,
          .stage = stage_of(request.origin, scope.phase),
          .buffer = buffer_name(request.type)};
}

}  // namespace plimsoll::tracker
