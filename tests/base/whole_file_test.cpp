#include "base/whole_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include <plimsoll/base/error.hpp>

#include "expect_error.hpp"
#include "temporary_folder.hpp"

namespace {
std::atomic<int> folders_synced = 0;
}

// In front of the C library's: folders that reach the disk are counted.
extern "C" int fsync(int file) {
  struct stat facts{};
  if (fstat(file, &facts) == 0 && S_ISDIR(facts.st_mode)) ++folders_synced;
  return static_cast<int>(syscall(SYS_fsync, file));
}

namespace plimsoll {
namespace {

class WholeFileTest : public testing::Test {
 protected:
  [[nodiscard]] std::string content(const std::string& name) const {
    std::ifstream file(name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
      names.push_back(entry.path().filename());
    return names;
  }
  test::TemporaryFolder folder;
  const std::string path = folder / "file";
};

TEST_F(WholeFileTest, IsThereAsAWhole) {
  write_whole_file(path, "one");
  write_whole_file(path, "two");
  EXPECT_EQ(content(path), "two");
  EXPECT_THAT(names(), testing::ElementsAre("file"));
}

// A file is found again after a crash only where its folder has reached the disk, too.
TEST_F(WholeFileTest, ItsNameReachesTheDisk) {
  folders_synced = 0;
  write_whole_file(path, "one");
  EXPECT_EQ(folders_synced, 1);
}

// As two threads would: each has a file of its own until it is whole.
TEST_F(WholeFileTest, TwoWritersDoNotShareWhatIsUnfinished) {
  write_whole_file(path, [&](const Sink& sink) {
    sink(std::as_bytes(std::span("out")));
    write_whole_file(path, "inner");
    EXPECT_EQ(content(path), "inner");
    sink(std::as_bytes(std::span("er")));
  });
  EXPECT_EQ(content(path), std::string("out\0er\0", 7));
  EXPECT_THAT(names(), testing::ElementsAre("file"));
}

TEST_F(WholeFileTest, WhatFailsLeavesNothingBehind) {
  write_whole_file(path, "before");
  EXPECT_THROW(write_whole_file(path, [](const Sink&) { throw std::runtime_error("no"); }), std::runtime_error);
  test::expect_error(ErrorCode::io, "could not be written", [&] { write_whole_file(folder / "absent/file", "x"); });
  EXPECT_EQ(content(path), "before");
  EXPECT_THAT(names(), testing::ElementsAre("file"));
}

}  // namespace
}  // namespace plimsoll
