// file_sampling: the sampling that a model's maker recommends, in the file's own metadata.
#pragma once
#include "engine/partial_sampling.hpp"

namespace plimsoll::engine {

class Model;

// "general.sampling.temp" and its like, llama.cpp's names. What is there and means nothing is said in the log and left
// out.
[[nodiscard]] PartialSampling sampling_of_file(const Model& model);

}  // namespace plimsoll::engine
