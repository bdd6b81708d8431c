// A model's files as Uploads reads them: whole weights, from where the engine has mapped them, or an error.
#include "weight_files.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::tracker {
namespace {

using test::expect_error;

class WeightFilesTest : public ::testing::Test {
 protected:
  WeightFilesTest() {
    const int file = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    size_ = std::filesystem::file_size(path_);
    mapped_ = static_cast<std::byte*>(mmap(nullptr, size_, PROT_READ, MAP_SHARED, file, 0));
    close(file);
  }
  ~WeightFilesTest() override { munmap(mapped_, size_); }

  [[nodiscard]] const std::byte* at(const engine::TensorPlace& place) const { return mapped_ + place.offset; }

  test::TemporaryFolder folder_;
  std::string path_ = folder_.write("model.gguf", test::tiny_llama().bytes());
  std::size_t size_ = 0;
  std::byte* mapped_ = nullptr;
};

TEST_F(WeightFilesTest, EveryWeightIsFoundWhereItIsMappedAndReadAsItIs) {
  WeightFiles files(path_);
  for (const auto& [name, place] : engine::read_gguf_header(path_).tensors) {
    const auto found = files.find(name.c_str(), at(place), place.bytes);
    ASSERT_TRUE(found) << name;
    std::vector<std::byte> read(place.bytes);
    files.read(found->file, found->offset, read.data(), read.size());
    EXPECT_TRUE(std::equal(read.begin(), read.end(), at(place))) << name;
  }
  files.require_unchanged();
}

TEST_F(WeightFilesTest, WhatTheEngineMadeItselfIsNotTheFiles) {
  const auto [name, place] = *engine::read_gguf_header(path_).tensors.find("token_embd.weight");
  WeightFiles files(path_);
  const std::vector<std::byte> own(place.bytes + 64);
  EXPECT_FALSE(files.find(name.c_str(), own.data() + 1, place.bytes)) << "this leads back to no page's beginning";
  ASSERT_TRUE(files.find(name.c_str(), at(place), place.bytes));
  EXPECT_FALSE(files.find(name.c_str(), own.data(), place.bytes));
  EXPECT_FALSE(files.find(name.c_str(), at(place) + 4096, place.bytes));
  EXPECT_FALSE(files.find(name.c_str(), at(place), place.bytes - 1));
  EXPECT_FALSE(files.find("made.by.the.engine", at(place), place.bytes));
}

TEST_F(WeightFilesTest, AFileThatWasCutReplacedOrWrittenToIsAnError) {
  const WeightFiles files(path_);
  std::array<std::byte, 64> some{};
  expect_error(ErrorCode::model_unusable, "was cut", [&] { files.read(0, size_ - 32, some.data(), some.size()); });
  std::filesystem::copy_file(path_, folder_.path("other.gguf"));
  std::filesystem::rename(folder_.path("other.gguf"), path_);
  expect_error(ErrorCode::model_unusable, "was changed", [&] { files.require_unchanged(); });
  const WeightFiles again(path_);
  again.require_unchanged();
  std::filesystem::resize_file(path_, size_ + 1);
  expect_error(ErrorCode::model_unusable, "was changed", [&] { again.require_unchanged(); });
}

TEST_F(WeightFilesTest, WhatIsNoModelIsAnError) {
  expect_error(ErrorCode::model_unusable, "", [&] { (void)WeightFiles(folder_.path("none.gguf")); });
}

}  // namespace
}  // namespace plimsoll::tracker
