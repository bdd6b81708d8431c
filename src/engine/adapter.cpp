#include "engine/adapter.hpp"

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include "engine/engine_log.hpp"
#include "engine/file_fingerprint.hpp"

namespace plimsoll::engine {

std::shared_ptr<Adapter> Adapter::load(std::shared_ptr<Model> model, const std::string& path) {
  check_model_file(path);
  const EngineLogListener heard;
  llama_adapter_lora* loaded = llama_adapter_lora_init(model->handle(), path.c_str());
  if (loaded == nullptr) {
    throw Error(
        heard.told_of_missing_memory() ? ErrorCode::out_of_device_memory : ErrorCode::model_unusable,
        fmt::format("the adapter '{}' cannot be used with '{}': {}", path, model->params().path, heard.reason()));
  }
  auto adapter = std::shared_ptr<Adapter>(new Adapter);
  adapter->adapter_ = loaded;
  adapter->model_ = std::move(model);
  adapter->path_ = path;
  adapter->fingerprint_ = file_fingerprint(path);
  return adapter;
}

Adapter::~Adapter() {
  if (adapter_ != nullptr) llama_adapter_lora_free(adapter_);
}

}  // namespace plimsoll::engine
