// Where the program of models' processes is looked for.
#include "worker_program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "temporary_folder.hpp"

namespace plimsoll::library {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::EndsWith;

class WorkerProgramTest : public ::testing::Test {
 protected:
  std::string program(const std::string& name) {
    const std::string file = folder.write(name, "#!/bin/sh\n");
    fs::permissions(file, fs::perms::owner_all);
    return file;
  }
  test::TemporaryFolder folder;
};

TEST_F(WorkerProgramTest, ItLiesInThePrefixOfTheLibrary) {
  const std::string there = program("bin/plimsoll");
  EXPECT_EQ(program_beside(folder / "lib/x86_64-linux-gnu/libplimsoll.so.0"), there);
  EXPECT_EQ(program_beside(folder / "lib/libplimsoll.so.0"), there);
  EXPECT_EQ(program_beside(folder / "bin/own-program"), there) << "a program that the library is part of";
  EXPECT_EQ(program_beside(folder / "opt/a/b/c/d/own-program"), fs::path()) << "too far away to belong together";
}

TEST_F(WorkerProgramTest, WhatCannotBeRunIsNone) {
  folder.write("bin/plimsoll", "no program");
  fs::create_directories(folder / "lib/bin/plimsoll");
  EXPECT_EQ(program_beside(folder / "lib/libplimsoll.so.0"), fs::path());
}

TEST_F(WorkerProgramTest, WhatWasNamedIsTaken) {
  EXPECT_THAT(worker_program("/opt/plimsoll"), ElementsAre("/opt/plimsoll", "model-worker"));
}

TEST_F(WorkerProgramTest, ElseTheOneBesideThisProgram) {
  EXPECT_THAT(worker_program({}), ElementsAre(EndsWith("/bin/plimsoll"), "model-worker"));
}

}  // namespace
}  // namespace plimsoll::library
