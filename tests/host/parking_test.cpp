#include "parking.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include <plimsoll/base/error.hpp>
#include <plimsoll/run/state_archive.hpp>

#include "temporary_folder.hpp"

namespace plimsoll::host {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;
using ::testing::SizeIs;

run::SequenceSnapshot snapshot(std::size_t bytes, std::uint8_t fill = 7) {
  return {.fingerprint = "f",
          .tokens = {1, 2, 3},
          .positions = {0, 1, 2},
          .decoded = 3,
          .memory = std::vector<std::uint8_t>(bytes, fill)};
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".plimsoll") files.push_back(entry.path());
  }
  return files;
}

class ParkingTest : public ::testing::Test {
 protected:
  ParkingLimits limits(Bytes memory, Bytes disk) const {
    return {.memory = memory, .disk = disk, .folder = folder.path()};
  }
  plimsoll::test::TemporaryFolder folder;
};

TEST_F(ParkingTest, GivesBackWhatWasParkedOnce) {
  Parking parking(limits(1_KiB, 1_KiB));
  parking.put(1, snapshot(100));
  parking.put(2, snapshot(50, 9));
  EXPECT_EQ(parking.held().in_memory, 150_B);
  EXPECT_EQ(parking.take(2)->memory, snapshot(50, 9).memory);
  EXPECT_FALSE(parking.take(2));
  parking.forget(1);
  EXPECT_EQ(parking.held().conversations, 0U);
  EXPECT_THAT(files_in(folder.path()), IsEmpty());
}

TEST_F(ParkingTest, TheLongestParkedGoToDiskAndThenToTheirTokens) {
  Parking parking(limits(200_B, 100_B));
  for (std::uint64_t id = 1; id <= 4; ++id) parking.put(id, snapshot(100, static_cast<std::uint8_t>(id)));
  EXPECT_EQ(parking.held().in_memory, 200_B);
  EXPECT_EQ(parking.held().on_disk, 100_B);
  EXPECT_THAT(files_in(folder.path()), SizeIs(1));
  const auto first = parking.take(1);
  EXPECT_EQ(first->memory, snapshot(100, 1).memory);
  EXPECT_EQ(first->decoded, 3U);
  const auto second = parking.take(2);
  EXPECT_THAT(second->memory, IsEmpty());
  EXPECT_EQ(second->decoded, 0U);
  EXPECT_THAT(second->tokens, SizeIs(3));
  EXPECT_EQ(parking.take(4)->memory, snapshot(100, 4).memory);
  EXPECT_THAT(files_in(folder.path()), IsEmpty());
}

TEST_F(ParkingTest, ADiskThatFailsLeavesTheTokens) {
  const std::string file = folder.write("not-a-folder", "x");
  Parking parking({.memory = 0_B, .disk = 1_KiB, .folder = file});
  parking.put(1, snapshot(100));
  EXPECT_EQ(parking.take(1)->decoded, 0U);
}

TEST_F(ParkingTest, FilesGoWithTheParking) {
  {
    Parking parking(limits(0_B, 1_KiB));
    parking.put(1, snapshot(100));
    EXPECT_THAT(files_in(folder.path()), SizeIs(1));
  }
  EXPECT_THAT(files_in(folder.path()), IsEmpty());
}

// A process that is killed while it parks leaves whole files, and the next one clears them away; those of a living one
// stay.
TEST_F(ParkingTest, AKilledProcessLeavesWholeFilesAndTheNextOneDeletesThem) {
  for (const int milliseconds : {5, 20, 60}) {
    const pid_t child = fork();
    if (child == 0) {
      Parking parking(limits(0_B, 1_GiB));
      for (std::uint64_t id = 0;; ++id) parking.put(id % 5, snapshot(200'000));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    for (const fs::path& file : files_in(folder.path()))
      EXPECT_NO_THROW((void)run::read_sequence_archive(file)) << file;
  }
  Parking living(limits(0_B, 1_GiB));
  living.put(1, snapshot(10));
  EXPECT_THAT(files_in(folder.path()), SizeIs(1));
  Parking another(limits(0_B, 1_GiB));
  another.put(1, snapshot(10));
  EXPECT_THAT(files_in(folder.path()), SizeIs(2));
}

}  // namespace
}  // namespace plimsoll::host
