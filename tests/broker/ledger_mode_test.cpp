// Whose the ledger's file is where users share it, at the moment when others can find it: fchmod() of this program
// first looks whether they could.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "broker/machine_ledger.hpp"

#include "temporary_folder.hpp"

namespace {

struct Watch {
  std::string path;
  int looked = 0;
  int found = 0;
};
Watch& watch() {
  static Watch one;
  return one;
}

}  // namespace

extern "C" int fchmod(int file, mode_t mode) noexcept {
  if (!watch().path.empty()) {
    ++watch().looked;
    watch().found += ::access(watch().path.c_str(), F_OK) == 0 ? 1 : 0;
  }
  return static_cast<int>(::syscall(SYS_fchmod, file, mode));
}

namespace plimsoll::broker {
namespace {

mode_t mode_of(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 ? found.st_mode & 0777U : 0;
}

class LedgerModeTest : public testing::Test {
 protected:
  LedgerModeTest() { watch() = {.path = path}; }
  ~LedgerModeTest() override { watch() = {}; }

  const test::TemporaryFolder folder;
  const std::string path = folder / "ledger";
};

TEST_F(LedgerModeTest, WhoFindsASharedFileMayOpenIt) {
  ASSERT_EQ(::chmod(folder.path().c_str(), 0770), 0);
  const mode_t before = ::umask(077);
  const auto ledger = MachineLedger::open({.program = "test", .path = folder.path().string()});
  (void)::umask(before);
  ASSERT_TRUE(ledger->is_on()) << ledger->why_off();
  EXPECT_EQ(mode_of(path), 0660U);
  EXPECT_GT(watch().looked, 0);
  EXPECT_EQ(watch().found, 0) << "it could be found before others might open it";
  std::vector<std::string> names;
  for (const auto& one : std::filesystem::directory_iterator(folder.path())) names.push_back(one.path().filename());
  EXPECT_EQ(names, std::vector<std::string>{"ledger"});
}

TEST_F(LedgerModeTest, AFileOfOneUserIsHisAlone) {
  ASSERT_EQ(::chmod(folder.path().c_str(), 0700), 0);
  const auto ledger = MachineLedger::open({.program = "test", .path = folder.path().string()});
  ASSERT_TRUE(ledger->is_on()) << ledger->why_off();
  EXPECT_EQ(mode_of(path), 0600U);
}

}  // namespace
}  // namespace plimsoll::broker
