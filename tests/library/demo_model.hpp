// A model that comes with the program, opened small and on the CPU: what the library's tests are made with.
#pragma once
#include <plimsoll/plimsoll.hpp>
#include <string>

#include "paths.hpp"

namespace plimsoll::test {

inline const std::string kModel = source_path("models/demo/mate-chat.gguf");
inline const std::string kOtherModel = source_path("models/demo/bosun-log.gguf");

[[nodiscard]] inline ModelOptions small(std::uint32_t sequences = 1) {
  ModelOptions options;
  options.model.devices = {"none"};
  options.context = {.n_ctx = 512 * sequences, .n_batch = 64, .n_ubatch = 64, .n_seq_max = sequences};
  options.warm_up = WarmUp::quick;
  return options;
}

inline const GenerationOptions kGreedy{.predict = 12, .sampling = {.temperature = 0}};

}  // namespace plimsoll::test
