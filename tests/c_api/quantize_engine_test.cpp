// Quantizing through the C interface.
#include <filesystem>
#include <stdexcept>

#include "demo_runtime.hpp"
#include "paths.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::test {
namespace {

const std::string kProgram = binary_path("bin/plimsoll");

class CApiQuantize : public testing::Test {
 protected:
  [[nodiscard]] static plimsoll_quantize_options with_program() {
    plimsoll_quantize_options options;
    expect_ok(plimsoll_quantize_options_init(&options, sizeof options));
    options.program = kProgram.c_str();
    return options;
  }
  TemporaryFolder folder;
  std::string output = folder.path("small.gguf");
};

TEST_F(CApiQuantize, AFileBecomesOneOfAnotherType) {
  plimsoll_quantize_options options = with_program();
  std::uint64_t seen = 0;
  options.user_data = &seen;
  options.progress = [](void* data, std::uint64_t done, std::uint64_t of) {
    EXPECT_LE(done, of);
    *static_cast<std::uint64_t*>(data) = done;
    return 0;
  };
  plimsoll_quantized result{};
  result.size = sizeof result;
  expect_ok(plimsoll_quantize_file(kDemo.c_str(), output.c_str(), "Q8_0", &options, &result));
  EXPECT_LT(result.after, result.before);
  EXPECT_GT(result.tensors, 0U);
  EXPECT_EQ(seen, result.tensors);
  EXPECT_EQ(result.files, 1U);
  EXPECT_TRUE(std::filesystem::exists(output));
  expect_code(PLIMSOLL_USAGE, "", plimsoll_quantize_file(kDemo.c_str(), output.c_str(), "Q8_0", &options, nullptr));
}

TEST_F(CApiQuantize, ADryRunWritesNothing) {
  plimsoll_quantize_options options = with_program();
  options.dry_run = 1;
  plimsoll_quantized result{};
  result.size = sizeof result;
  expect_ok(plimsoll_quantize_file(kDemo.c_str(), output.c_str(), "Q8_0", &options, &result));
  EXPECT_LT(result.after, result.before);
  EXPECT_FALSE(std::filesystem::exists(output));
}

TEST_F(CApiQuantize, WhatMeansNothingIsSaid) {
  const plimsoll_quantize_options options = with_program();
  expect_code(PLIMSOLL_USAGE, "unknown file type 'Q99'",
              plimsoll_quantize_file(kDemo.c_str(), output.c_str(), "Q99", &options, nullptr));
  expect_code(PLIMSOLL_USAGE, "input", plimsoll_quantize_file(nullptr, output.c_str(), "Q8_0", &options, nullptr));
  expect_code(PLIMSOLL_MODEL_UNUSABLE, "nowhere",
              plimsoll_quantize_file(folder.path("nowhere.gguf").c_str(), output.c_str(), "Q8_0", &options, nullptr));
  plimsoll_quantized result{};
  expect_code(PLIMSOLL_USAGE, "plimsoll_quantized",
              plimsoll_quantize_file(kDemo.c_str(), output.c_str(), "Q8_0", &options, &result));
  EXPECT_FALSE(std::filesystem::exists(output));
}

TEST_F(CApiQuantize, ACallbackEndsIt) {
  plimsoll_quantize_options options = with_program();
  options.progress = [](void*, std::uint64_t, std::uint64_t) { return 1; };
  expect_code(PLIMSOLL_CANCELLED, "", plimsoll_quantize_file(kDemo.c_str(), output.c_str(), "Q8_0", &options, nullptr));
  options.progress = [](void*, std::uint64_t, std::uint64_t) -> std::int32_t { throw std::runtime_error("enough"); };
  expect_code(PLIMSOLL_CALLBACK_FAILED, "enough",
              plimsoll_quantize_file(kDemo.c_str(), output.c_str(), "Q8_0", &options, nullptr));
  EXPECT_FALSE(std::filesystem::exists(output));
}

}  // namespace
}  // namespace plimsoll::test
