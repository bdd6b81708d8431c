#include "engine/backend_folder.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "temporary_folder.hpp"

namespace plimsoll::engine {
namespace {

namespace fs = std::filesystem;

class BackendFolderTest : public ::testing::Test {
 protected:
  fs::path make(const std::string& file) {
    const fs::path path = root() / file;
    fs::create_directories(path.parent_path());
    std::ofstream{path} << "x";
    return path.parent_path();
  }
  [[nodiscard]] fs::path root() const { return folder_.path(); }

 private:
  test::TemporaryFolder folder_;
};

TEST_F(BackendFolderTest, DebiansHasANumber) {
  make("lib/x86_64-linux-gnu/libggml.so.0");
  make("lib/x86_64-linux-gnu/ggml/backends0/libggml-cpu-x64.so");
  const fs::path newer = make("lib/x86_64-linux-gnu/ggml/backends1/libggml-cpu-x64.so");
  EXPECT_EQ(backend_folder(root() / "lib/x86_64-linux-gnu"), newer);
}

TEST_F(BackendFolderTest, ABundlesLieBesideTheLibrary) {
  const fs::path lib = make("lib/libggml.so.0");
  make("lib/libggml-cpu-haswell.so");
  EXPECT_EQ(backend_folder(lib), lib);
}

TEST_F(BackendFolderTest, AnInstalledEnginesLieWithItsPrograms) {
  const fs::path lib = make("lib/libggml.so.0");
  const fs::path bin = make("bin/libggml-cpu.so");
  EXPECT_EQ(backend_folder(lib), bin);
  const fs::path deeper = make("lib/x86_64-linux-gnu/libggml.so.0");
  EXPECT_EQ(backend_folder(deeper), bin);
}

TEST_F(BackendFolderTest, AnEngineThatIsLinkedWithItsBackendsHasNone) {
  const fs::path lib = make("lib/libggml.so.0");
  make("lib/libggml-cpu.so");
  make("lib/libggml-cpu.so.0");
  EXPECT_EQ(backend_folder(lib), fs::path());
  EXPECT_EQ(backend_folder(root() / "nowhere"), fs::path());
}

}  // namespace
}  // namespace plimsoll::engine
