#include "base/own_program.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace plimsoll {
namespace {

namespace fs = std::filesystem;

const char* const kTold = std::getenv("PLIMSOLL_TEST_TELLS_ITS_PROGRAM");

TEST(OwnProgramTest, ItIsTheFileThatWasStarted) {
  if (kTold != nullptr) {  // started by the next test
    std::printf("program %s\nby loader %d\n", own_program().c_str(), started_by_loader() ? 1 : 0);
    return;
  }
  EXPECT_EQ(own_program(), fs::read_symlink("/proc/self/exe").string());
  EXPECT_FALSE(started_by_loader());
  EXPECT_TRUE(fs::path(own_loader()).filename().string().starts_with("ld-")) << own_loader();
}

std::string output_of(const std::string& command) {
  std::string text;
  FILE* const pipe = popen(command.c_str(), "r");
  std::array<char, 4096> piece{};
  while (pipe != nullptr && std::fgets(piece.data(), piece.size(), pipe) != nullptr) text += piece.data();
  if (pipe != nullptr) pclose(pipe);
  return text;
}

// libexec/x beside bin/x, as a bundle has them; and x alone.
TEST(OwnProgramTest, AProgramThatALoaderWasStartedWithIsStartedByItsLauncher) {
  const fs::path folder = fs::temp_directory_path() / ("plimsoll own program " + std::to_string(getpid()));
  fs::create_directories(folder / "bin");
  fs::create_directories(folder / "libexec");
  fs::create_symlink(fs::read_symlink("/proc/self/exe"), folder / "bin/x");
  fs::copy_file("/proc/self/exe", folder / "libexec/x");
  const std::string command = "PLIMSOLL_TEST_TELLS_ITS_PROGRAM=1 '" + own_loader() + "' '" + folder.string() +
                              "/libexec/x' --gtest_filter=OwnProgramTest.ItIsTheFileThatWasStarted";
  const std::string with_launcher = output_of(command);
  fs::remove(folder / "bin/x");
  const std::string alone = output_of(command);
  fs::remove_all(folder);
  EXPECT_TRUE(with_launcher.contains("program " + folder.string() + "/bin/x\nby loader 1\n")) << with_launcher;
  EXPECT_TRUE(alone.contains("program " + folder.string() + "/libexec/x\nby loader 1\n")) << alone;
}

TEST(OwnProgramTest, WhatIsMappedHasAFile) {
  EXPECT_EQ(mapped_file_at(reinterpret_cast<const void*>(&own_loader)), fs::read_symlink("/proc/self/exe").string());
  EXPECT_TRUE(mapped_file_at(reinterpret_cast<const void*>(&std::printf)).contains("libc.so"));
  const int here = 0;
  EXPECT_EQ(mapped_file_at(&here), "");
}

}  // namespace
}  // namespace plimsoll
