#include "mapped_weights.hpp"

#include "engine/gguf_header.hpp"

namespace plimsoll::dry_run {

bool is_mapped(engine::LoadMode mode) noexcept {
  return mode == engine::LoadMode::mmap || mode == engine::LoadMode::mmap_mlock || mode == engine::LoadMode::automatic;
}

bool stays_in_the_file(ggml_backend_buffer_type_t type) {
  if (type == ggml_backend_cpu_buffer_type()) return true;
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    if (type == ggml_backend_dev_host_buffer_type(ggml_backend_dev_get(i))) return true;
  }
  return false;
}

std::vector<BufferEntry> mapped_weights(
    const std::string& path, const std::map<ggml_backend_buffer_type_t, std::vector<std::set<std::string>>>& groups) {
  const engine::GgufHeader header = engine::read_gguf_header(path);
  std::set<std::string> placed;  // a tensor that several groups use lies in the file once
  Bytes bytes;
  for (const auto& [type, contexts] : groups) {
    if (!stays_in_the_file(type)) continue;
    for (const auto& names : contexts) {
      for (const std::string& name : names) {
        const auto place = header.tensors.find(name);
        if (place != header.tensors.end() && placed.insert(name).second) bytes += Bytes{place->second.bytes};
      }
    }
  }
  if (bytes == Bytes{}) return {};
  return {{.device = device::host(),
           .buffer = "CPU_Mapped",
           .stage = memory::Stage::weights,
           .bytes = bytes,
           .charged = false}};
}

}  // namespace plimsoll::dry_run
