#include "model_file_names.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "expect_error.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::app {
namespace {

namespace fs = std::filesystem;

// As llama-server reads the folder of --models-dir.
TEST(ModelFileNamesTest, FoldersInAFolderAreModelsOfTheirName) {
  test::TemporaryFolder folder;
  for (const char* name : {"vision", "split", "two", "empty", ".cache"}) fs::create_directory(folder.path(name));
  for (const char* file :
       {"plain.gguf", "notes.txt", "mmproj-plain.gguf", "vision/model.gguf", "vision/mmproj.gguf",
        "split/a-00001-of-00002.gguf", "split/a-00002-of-00002.gguf", "two/a.gguf", "two/b.GGUF", ".cache/c.gguf"})
    (void)folder.write(file, "");
  std::string found;
  for (const FoundModel& model : models_in(folder.path().string()))
    found += fs::relative(model.path, folder.path()).string() + "=" + model.name + " ";
  EXPECT_EQ(found, "plain.gguf= split/a-00001-of-00002.gguf=split two/a.gguf= two/b.GGUF= vision/model.gguf=vision ");
}

TEST(ModelFileNamesTest, AFolderWithoutModelsIsRefused) {
  const test::TemporaryFolder folder;
  test::expect_error(ErrorCode::usage, "has no model", [&] { return models_in(folder.path().string()); });
}

}  // namespace
}  // namespace plimsoll::app
