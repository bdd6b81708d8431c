// adapter_scales: how much of each planned adapter is in a model's answers.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "api/adapter_fields.hpp"
#include "base/mutex.hpp"
#include "engine/adapter.hpp"
#include "host/fleet.hpp"

namespace plimsoll::server {

// What POST /lora-adapters has said, by model. Any thread.
class AdapterScales {
 public:
  void set(const std::string& model, engine::AdapterScales scales);
  // Where nothing was said of so many adapters: as they were planned.
  [[nodiscard]] engine::AdapterScales of(const std::string& model,
                                         const std::vector<engine::AdapterParams>& planned) const;
  void forget(const std::string& model);  // it has other adapters by now, or has left the fleet

 private:
  mutable Mutex mutex_;
  std::map<std::string, engine::AdapterScales> set_ PLIMSOLL_GUARDED_BY(mutex_);
};

// Those that are named get that scale, the others 0. Throws api::Problem 400 where one is named that was not planned.
[[nodiscard]] engine::AdapterScales scales_of(const std::vector<api::AdapterScale>& named, std::size_t planned,
                                              const std::string& model);
// The same of files.
[[nodiscard]] engine::AdapterScales scales_of(const std::vector<engine::AdapterParams>& named,
                                              const std::vector<engine::AdapterParams>& planned);

}  // namespace plimsoll::server
