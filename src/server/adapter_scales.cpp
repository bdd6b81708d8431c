#include "adapter_scales.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/problem.hpp"

namespace plimsoll::server {

void AdapterScales::set(const std::string& model, engine::AdapterScales scales) {
  const MutexLock lock(mutex_);
  set_[model] = std::move(scales);
}

engine::AdapterScales AdapterScales::of(const std::string& model,
                                        const std::vector<engine::AdapterParams>& planned) const {
  {
    const MutexLock lock(mutex_);
    if (const auto said = set_.find(model); said != set_.end() && said->second.size() == planned.size())
      return said->second;
  }
  engine::AdapterScales scales;
  for (const engine::AdapterParams& adapter : planned) scales.push_back(adapter.scale);
  return scales;
}

void AdapterScales::forget(const std::string& model) {
  const MutexLock lock(mutex_);
  set_.erase(model);
}

engine::AdapterScales scales_of(const std::vector<api::AdapterScale>& named, std::size_t planned,
                                const std::string& model) {
  engine::AdapterScales scales(planned, 0.0F);
  for (const api::AdapterScale& one : named) {
    if (one.id >= planned) {
      throw api::bad_request(fmt::format("'{}' has no adapter {}; {} were planned, and GET /lora-adapters lists them",
                                         model, one.id, planned))
          .at("lora");
    }
    scales[one.id] = one.scale;
  }
  return scales;
}

engine::AdapterScales scales_of(const std::vector<engine::AdapterParams>& named,
                                const std::vector<engine::AdapterParams>& planned) {
  engine::AdapterScales scales;
  for (const engine::AdapterParams& adapter : planned) {
    const auto found = std::ranges::find(named, adapter.path, &engine::AdapterParams::path);
    scales.push_back(found == named.end() ? 0.0F : found->scale);
  }
  return scales;
}

}  // namespace plimsoll::server
