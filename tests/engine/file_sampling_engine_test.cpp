#include "engine/file_sampling.hpp"

#include <gtest/gtest.h>

#include "engine/model.hpp"

#include "decoding.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::engine {
namespace {

TEST(FileSamplingTest, WhatTheMakerRecommends) {
  const test::TemporaryFolder folder;
  test::TinyGguf file = test::tiny_llama();
  file.real("general.sampling.temp", 0.25F).number("general.sampling.top_k", 7);
  file.text("general.sampling.sequence", "top_k;temperature").text("general.sampling.top_p", "lots");
  const auto model = test::load_on_cpu(folder.write("a.gguf", file.bytes()));
  const PartialSampling sampling = sampling_of_file(*model);
  EXPECT_EQ(sampling.given, (std::set<std::string>{"samplers", "temperature", "top_k"}));  // "lots" is no number
  EXPECT_EQ(sampling.params.temperature, 0.25F);
  EXPECT_EQ(sampling.params.top_k, 7);
  EXPECT_EQ(sampling.params.samplers, (std::vector<std::string>{"top_k", "temperature"}));
}

TEST(FileSamplingTest, NothingWhereItSaysNothing) {
  const test::TemporaryFolder folder;
  const auto model = test::load_on_cpu(folder.write("a.gguf", test::tiny_llama().bytes()));
  EXPECT_EQ(sampling_of_file(*model), PartialSampling{});
}

}  // namespace
}  // namespace plimsoll::engine
