// The cgroup of a model's process, in a folder that looks like the system's.
#include "worker/memory_group.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "temporary_folder.hpp"

namespace plimsoll::worker {
namespace {

namespace fs = std::filesystem;

class MemoryGroupTest : public ::testing::Test {
 protected:
  void lies_in(const std::string& group) {
    (void)folder.write("proc/self/cgroup", "4:memory:/old\n0::" + group + "\n");
  }
  void has_controllers(const std::string& there, const std::string& passed_on) {
    (void)folder.write("cgroup/plimsoll.service/cgroup.controllers", there);
    (void)folder.write("cgroup/plimsoll.service/cgroup.subtree_control", passed_on);
  }
  std::string content(const std::string& file) const { return test::read_whole_file(folder / file); }

  test::TemporaryFolder folder;
  const fs::path proc = folder.path() / "proc";
  const fs::path hierarchy = folder.path() / "cgroup";
  const fs::path service = hierarchy / "plimsoll.service";
};

TEST_F(MemoryGroupTest, ItsPlaceIsBesideTheOwnOne) {
  has_controllers("cpu memory\n", "");
  lies_in("/plimsoll.service/server");
  EXPECT_EQ(MemoryGroup::above_own(proc, hierarchy), service);
}

TEST_F(MemoryGroupTest, WithoutOneAboveThereIsNoPlace) {
  lies_in("/");
  EXPECT_FALSE(MemoryGroup::above_own(proc, hierarchy));
  lies_in("/elsewhere/server");
  EXPECT_FALSE(MemoryGroup::above_own(proc, hierarchy));
  (void)folder.write("proc/self/cgroup", "4:memory:/plimsoll.service/server\n");
  EXPECT_FALSE(MemoryGroup::above_own(proc, hierarchy));
}

TEST_F(MemoryGroupTest, ItHoldsAProcessToItsLimit) {
  has_controllers("cpu memory\n", "cpu memory\n");
  {
    const auto group = MemoryGroup::create(service, "model-7");
    ASSERT_TRUE(group);
    EXPECT_TRUE(group->add(7));
    EXPECT_TRUE(group->limit(3_MiB));
    EXPECT_EQ(content("cgroup/plimsoll.service/model-7/cgroup.procs"), "7");
    EXPECT_EQ(content("cgroup/plimsoll.service/model-7/memory.max"), "3145728");
    EXPECT_FALSE(group->has_ended_one());
    (void)folder.write("cgroup/plimsoll.service/model-7/memory.events", "low 0\noom 3\noom_kill 1\n");
    EXPECT_TRUE(group->has_ended_one());
    for (const auto& file : fs::directory_iterator(service / "model-7"))
      fs::remove(file);  // the system's own go with it
  }
  EXPECT_FALSE(fs::exists(service / "model-7"));
}

TEST_F(MemoryGroupTest, TheControllerIsPassedOnWhereItIsNotYet) {
  has_controllers("cpu memory\n", "cpu\n");
  EXPECT_TRUE(MemoryGroup::create(service, "model-7"));
  EXPECT_EQ(content("cgroup/plimsoll.service/cgroup.subtree_control"), "+memory");
}

// A host that is killed leaves them behind, and numbers of processes are used again.
TEST_F(MemoryGroupTest, OneThatNobodyUsesAnyMoreIsNotInTheWay) {
  has_controllers("cpu memory\n", "memory\n");
  fs::create_directory(service / "model-7");
  EXPECT_TRUE(MemoryGroup::create(service, "model-7"));
  (void)folder.write("cgroup/plimsoll.service/model-8/cgroup.procs", "8");
  EXPECT_FALSE(MemoryGroup::create(service, "model-8")) << "it is in use";
}

TEST_F(MemoryGroupTest, WhereItCannotBeMadeThereIsNone) {
  has_controllers("cpu\n", "cpu\n");
  EXPECT_FALSE(MemoryGroup::create(service, "model-7")) << "no controller";
  has_controllers("cpu memory\n", "memory\n");
  (void)folder.write("cgroup/plimsoll.service/taken", "");
  EXPECT_FALSE(MemoryGroup::create(service, "taken"));
}

}  // namespace
}  // namespace plimsoll::worker
