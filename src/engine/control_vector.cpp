#include "engine/control_vector.hpp"

#include <fmt/format.h>
#include <ggml.h>
#include <gguf.h>

#include <cmath>
#include <memory>
#include <span>

#include <plimsoll/base/error.hpp>
#include "base/parse_number.hpp"

namespace plimsoll::engine {
namespace {

struct FreeGguf {
  void operator()(gguf_context* file) const noexcept { gguf_free(file); }
};
struct FreeGgml {
  void operator()(ggml_context* context) const noexcept { ggml_free(context); }
};

[[noreturn]] void unusable(const std::string& path, const std::string& why) {
  throw Error(ErrorCode::model_unusable, fmt::format("the control vector '{}' cannot be used: {}", path, why));
}

// The layer of "direction.7"; 0 for any other name.
std::int32_t layer_of(std::string_view name) {
  constexpr std::string_view kPrefix = "direction.";
  if (!name.starts_with(kPrefix)) return 0;
  return parse_number<std::int32_t>(name.substr(kPrefix.size())).value_or(0);
}

void check_shape(const std::string& path, const ggml_tensor& tensor, std::int32_t layer, const ModelFacts& model) {
  if (layer < 1 || layer >= model.n_layer) {
    unusable(path, fmt::format("it has a direction for layer {}, the model has layers 1 to {} to steer", layer,
                               model.n_layer - 1));
  }
  if (tensor.type != GGML_TYPE_F32) unusable(path, fmt::format("{} is not made of 32-bit floats", tensor.name));
  if (ggml_n_dims(&tensor) != 1 || tensor.ne[0] != model.n_embd) {
    unusable(path, fmt::format("{} has {} numbers, the model's layers have {}", tensor.name, ggml_nelements(&tensor),
                               model.n_embd));
  }
}

void add_file(ControlVector& sum, const AdapterParams& file, const ModelFacts& model) {
  if (!std::isfinite(file.scale))
    throw Error(ErrorCode::usage, fmt::format("the scale of the control vector '{}' is not a number", file.path));
  check_model_file(file.path);  // so that the engine reads none that is damaged
  ggml_context* made = nullptr;
  const std::unique_ptr<gguf_context, FreeGguf> header(
      gguf_init_from_file(file.path.c_str(), {.no_alloc = false, .ctx = &made}));
  const std::unique_ptr<ggml_context, FreeGgml> tensors(made);
  if (!header || !tensors) unusable(file.path, "the engine cannot read it");
  bool any = false;
  for (ggml_tensor* tensor = ggml_get_first_tensor(tensors.get()); tensor != nullptr;
       tensor = ggml_get_next_tensor(tensors.get(), tensor)) {
    if (!std::string_view(tensor->name).starts_with("direction.")) continue;
    const std::int32_t layer = layer_of(tensor->name);
    check_shape(file.path, *tensor, layer, model);
    const std::span direction(static_cast<const float*>(tensor->data), static_cast<std::size_t>(model.n_embd));
    float* const into = sum.directions.data() + static_cast<std::size_t>(layer - 1) * direction.size();
    for (std::size_t i = 0; i < direction.size(); ++i) into[i] += file.scale * direction[i];
    any = true;
  }
  if (!any) unusable(file.path, "there is no direction in it");
}

}  // namespace

ControlVector load_control_vector(const ModelFacts& model, const ControlVectorParams& params) {
  if (params.files.empty()) throw Error(ErrorCode::usage, "a control vector needs a file");
  if (model.n_layer < 2)
    throw Error(ErrorCode::usage, "a model of one layer has nothing for a control vector to steer");
  ControlVector vector{.directions = std::vector<float>(static_cast<std::size_t>(model.n_layer - 1) *
                                                        static_cast<std::size_t>(model.n_embd)),
                       .n_embd = model.n_embd,
                       .first_layer = params.first_layer == 0 ? 1 : params.first_layer,
                       .last_layer = params.last_layer == 0 ? model.n_layer : params.last_layer};
  if (vector.first_layer < 1 || vector.last_layer < vector.first_layer || vector.last_layer > model.n_layer) {
    throw Error(ErrorCode::usage, fmt::format("the control vector's layers {} to {} are not among 1 to {}",
                                              vector.first_layer, vector.last_layer, model.n_layer));
  }
  for (const AdapterParams& file : params.files) add_file(vector, file, model);
  return vector;
}

}  // namespace plimsoll::engine
