// ControlVector: directions that are added to a model's layers while it computes: a small file that steers it.
#pragma once
#include <cstdint>
#include <vector>

#include <plimsoll/engine/params.hpp>
#include "engine/model.hpp"

namespace plimsoll::engine {

// For a model with n_layer layers of n_embd. A value; any thread.
struct ControlVector {
  std::vector<float> directions;  // [n_layer - 1, n_embd]; of layer 1 first: the first layer (0) has none
  std::int32_t n_embd = 0;
  std::int32_t first_layer = 1;  // applied from here
  std::int32_t last_layer = 1;   // to here, both inclusive
  friend bool operator==(const ControlVector&, const ControlVector&) = default;
};

// Reads llama.cpp's format: a GGUF with tensors direction.1, direction.2 ... of n_embd 32-bit floats, each added to the
// layer of its number. Several files are scaled and summed. Throws Error: model_unusable (missing, damaged, made for a
// model of another width or depth, no directions in it), usage (no file; a range that the model does not have; a scale
// that is no number).
[[nodiscard]] ControlVector load_control_vector(const ModelFacts& model, const ControlVectorParams& params);

}  // namespace plimsoll::engine
