// demo_runtime: a runtime and a small model on the CPU, as a C program has them.
#pragma once
#include <gtest/gtest.h>

#include <plimsoll.h>

#include <string>

#include "expect_value.hpp"
#include "paths.hpp"

namespace plimsoll::test {

inline const std::string kDemo = source_path("models/demo/mate-chat.gguf");
inline const std::string kOtherDemo = source_path("models/demo/bosun-log.gguf");
inline constexpr const char* kCpuAlone = "device = \"none\"\nbatch-size = 64\n";

[[nodiscard]] inline plimsoll_model_options small_model(std::int32_t sequences = 1) {
  plimsoll_model_options options;
  expect_ok(plimsoll_model_options_init(&options, sizeof options));
  options.settings = kCpuAlone;
  options.n_ctx = 512 * sequences;
  options.n_seq_max = sequences;
  options.warm_up = PLIMSOLL_WARM_UP_QUICK;
  return options;
}

[[nodiscard]] inline plimsoll_generation_options greedy(std::int32_t predict = 12) {
  plimsoll_generation_options options;
  expect_ok(plimsoll_generation_options_init(&options, sizeof options));
  options.predict = predict;
  options.temperature = 0;
  return options;
}

class CApi : public testing::Test {
 protected:
  void SetUp() override { expect_ok(plimsoll_runtime_open(nullptr, &runtime)); }
  void TearDown() override {
    expect_ok(plimsoll_model_close(model));
    expect_ok(plimsoll_runtime_close(runtime));
  }
  void open(std::int32_t sequences = 1) {
    const plimsoll_model_options options = small_model(sequences);
    expect_ok(plimsoll_model_open(runtime, kDemo.c_str(), &options, &model));
    ASSERT_NE(model, nullptr);
  }
  [[nodiscard]] plimsoll_generation* generate(const char* prompt, const plimsoll_generation_options& options) const {
    plimsoll_generation* generation = nullptr;
    expect_ok(plimsoll_model_generate(model, prompt, -1, &options, &generation));
    return generation;
  }
  [[nodiscard]] std::string answer(const char* prompt, const plimsoll_generation_options& options) const {
    plimsoll_generation* const generation = generate(prompt, options);
    char* text = nullptr;
    expect_ok(plimsoll_generation_rest(generation, &text, nullptr));
    expect_ok(plimsoll_generation_close(generation));
    return taken(text);
  }

  plimsoll_runtime* runtime = nullptr;
  plimsoll_model* model = nullptr;
};

}  // namespace plimsoll::test
