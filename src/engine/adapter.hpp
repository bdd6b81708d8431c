// Adapter: a LoRA, loaded beside its model.
#pragma once
#include <llama.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/model.hpp"

namespace plimsoll::engine {

// How much of each planned adapter is in what is computed, in the plan's order. 0: nothing. Empty: as they were
// planned.
using AdapterScales = std::vector<float>;

// By which an adapter is planned and warmed up: one whose scale is 0 is not in the graphs, and may get another later.
[[nodiscard]] constexpr float planned_scale(float scale) noexcept { return scale == 0 ? 1.0F : scale; }

// Keeps its model alive. Load and free on one thread; use follows the context's rule.
class Adapter {
 public:
  // Throws Error: model_unusable (missing, damaged, made for another model), out_of_device_memory.
  [[nodiscard]] static std::shared_ptr<Adapter> load(std::shared_ptr<Model> model, const std::string& path);
  ~Adapter();
  Adapter(const Adapter&) = delete;
  Adapter& operator=(const Adapter&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  // file_fingerprint() of the file that it was loaded from.
  [[nodiscard]] const std::string& fingerprint() const noexcept { return fingerprint_; }
  [[nodiscard]] llama_adapter_lora* handle() const noexcept { return adapter_; }

 private:
  Adapter() = default;
  std::shared_ptr<Model> model_;
  llama_adapter_lora* adapter_ = nullptr;
  std::string path_;
  std::string fingerprint_;
};

}  // namespace plimsoll::engine
