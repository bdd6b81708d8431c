// What may be wrong with a ledger's file, before somebody joins and under those who stand in it: it is seen, said and
// survived.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <random>
#include <vector>

#include "base/log.hpp"
#include "broker/machine_ledger.hpp"

#include "ledger_file.hpp"
#include "ledger_processes.hpp"
#include "records.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const MemoryKey kCard{.pci = "0000:c1:00.0", .uuid = {}, .name = "Vulkan0"};

struct Member {
  explicit Member(const std::string& path)
      : ledger(MachineLedger::open({.program = "test", .path = path})), card(ledger->account(kCard)) {}
  [[nodiscard]] bool reserve(Bytes more, Bytes free) const {
    return ledger->reserve(ledger->moment(), std::vector<Want>{{.account = card, .more = more, .free = free}})
        .has_value();
  }
  [[nodiscard]] Bytes seen() const { return ledger->others(card).reserved; }
  std::unique_ptr<MachineLedger> ledger;
  AccountId card;
};

// Keeps what is logged from warnings on.
class BadLedgerTest : public testing::Test {
 protected:
  BadLedgerTest() {
    log::set_sink([this](log::Level level, std::string_view, std::string_view line) {
      if (level >= log::Level::warn) said.emplace_back(line);
    });
  }
  ~BadLedgerTest() override { log::set_sink({}); }

  void overwrite(std::size_t at, const std::string& bytes) const {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  static std::size_t block(std::size_t slot) { return kBlocksAt + slot * kBlockBytes; }

  test::TemporaryFolder folder;
  const std::string path = folder / "ledger";
  std::vector<std::string> said;
};

// --- before somebody joins ---

TEST_F(BadLedgerTest, AFileOfSomethingElseIsMadeALedger) {
  folder.write("ledger", std::string(100'000, 'x'));
  const Member a(path);
  const Member b(path);
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  EXPECT_EQ(b.seen(), 60_B);
  EXPECT_THAT(said, IsEmpty());
}

TEST_F(BadLedgerTest, AnEmptyFileIsMadeALedger) {
  folder.write("ledger", "");
  const Member a(path);
  const Member b(path);
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  EXPECT_EQ(b.seen(), 60_B);
}

Header header_of(std::uint32_t version) {
  Header header;
  header.version = version;
  header.checksum = checksum_of_header(header);
  return header;
}

std::string bytes_of(const Header& header) { return {reinterpret_cast<const char*>(&header), sizeof header}; }

TEST_F(BadLedgerTest, AnOlderVersionThatNobodyUsesIsReplaced) {
  folder.write("ledger", bytes_of(header_of(0)));
  const Member a(path);
  EXPECT_TRUE(a.ledger->is_on()) << a.ledger->why_off();
}

TEST_F(BadLedgerTest, AnotherVersionThatIsInUseIsLeftAloneAndSaid) {
  std::optional<Member> older(path);
  overwrite(0, bytes_of(header_of(7)));
  const Member newer(path);
  EXPECT_FALSE(newer.ledger->is_on());
  EXPECT_THAT(newer.ledger->why_off(), HasSubstr("another version of Plimsoll (7"));
  EXPECT_THAT(said, ElementsAre(HasSubstr("what other processes are promised is not seen")));
  EXPECT_TRUE(newer.reserve(1_GiB, 1_B));
  older.reset();
  EXPECT_TRUE(Member(path).ledger->is_on());
}

TEST_F(BadLedgerTest, WhatAnEarlierBootLeftIsNobodys) {
  Header header;
  put(header.boot, "00000000-0000-0000-0000-000000000000");
  header.checksum = checksum_of_header(header);
  folder.write("ledger", bytes_of(header) + std::string(kActiveAt - sizeof header, '\0') + std::string(kSlots, '\1'));
  const Member a(path);
  EXPECT_TRUE(a.ledger->is_on());
  const auto picture = picture_of_machine(path);
  ASSERT_TRUE(picture);
  EXPECT_EQ(picture->processes.size(), 1U);
}

TEST_F(BadLedgerTest, WhatIsNoFileIsSaid) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const Member a(path);
  EXPECT_THAT(a.ledger->why_off(), HasSubstr("is not a regular file"));
}

// Whatever else was not there before.
TEST_F(BadLedgerTest, WhatIsNoFileIsSaidToWhoLooksAsWell) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  for (const int before : {0, ENOENT}) {
    errno = before;
    const auto picture = picture_of_machine(path);
    ASSERT_FALSE(picture) << before;
    EXPECT_THAT(picture.error(), HasSubstr("is not a regular file"));
  }
}

TEST_F(BadLedgerTest, ALinkIsNotFollowed) {
  folder.write("elsewhere", "precious");
  ASSERT_EQ(::symlink((folder / "elsewhere").c_str(), path.c_str()), 0);
  const Member a(path);
  EXPECT_FALSE(a.ledger->is_on());
  EXPECT_EQ(test::read_whole_file(folder / "elsewhere"), "precious");
}

TEST_F(BadLedgerTest, AFolderThatIsNotThereIsSaid) {
  const Member a(folder / "no/such/ledger");
  EXPECT_THAT(a.ledger->why_off(), HasSubstr("No such file or directory"));
  EXPECT_EQ(said.size(), 1U);
}

// Somebody else may have made the file that would be ours. (A second name for the file looks the same from here: it is
// not this user's alone.)
TEST_F(BadLedgerTest, AnotherUsersFileIsNotUsed) {
  folder.write("ledger", "");
  ASSERT_EQ(::link(path.c_str(), (folder / "another name").c_str()), 0);
  const auto opened = LedgerFile::open({.path = path, .for_all = false}, LedgerFile::For::standing_in);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error(), HasSubstr("belongs to another user"));
  if (::geteuid() != 0) return;  // the rest needs the right to give a file away
  ASSERT_EQ(::unlink((folder / "another name").c_str()), 0);
  ASSERT_EQ(::chown(path.c_str(), 12345, static_cast<gid_t>(-1)), 0);
  EXPECT_FALSE(LedgerFile::open({.path = path, .for_all = false}, LedgerFile::For::standing_in));
  EXPECT_TRUE(LedgerFile::open({.path = path, .for_all = true}, LedgerFile::For::standing_in));
}

TEST_F(BadLedgerTest, AFullLedgerIsSaidAndSurvived) {
  std::vector<std::unique_ptr<MachineLedger>> all;
  for (std::size_t i = 0; i < kSlots; ++i) all.push_back(MachineLedger::open({.program = "one", .path = path}));
  EXPECT_TRUE(all.back()->is_on());
  const Member beyond(path);
  EXPECT_THAT(beyond.ledger->why_off(), HasSubstr("is full"));
  EXPECT_TRUE(beyond.reserve(1_GiB, 1_B));
  const auto picture = picture_of_machine(path);
  EXPECT_EQ(picture->processes.size(), kSlots);
  all.erase(all.begin() + 100);
  EXPECT_TRUE(Member(path).ledger->is_on());
}

TEST_F(BadLedgerTest, AProcessThatMayNotWriteLargeFilesGoesWithout) {
  const pid_t child = in_a_child([&] {
    const struct rlimit small{.rlim_cur = 4096, .rlim_max = 4096};
    (void)::setrlimit(RLIMIT_FSIZE, &small);
    const Member a(path);
    ::_exit(a.ledger->why_off().contains("ulimit -f") && a.reserve(1_GiB, 1_B) ? 0 : 1);
  });
  const int status = wait_for(child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

// A memory disk of its own, of some pages. Where this process may not mount one, a new user namespace may.
bool mount_small_disk(const std::string& at, const char* size) {
  if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  (void)::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  return ::mount("tmpfs", at.c_str(), "tmpfs", 0, size) == 0;
}

TEST_F(BadLedgerTest, ADiskThatIsTooSmallIsSaidAndSurvived) {
  const std::string disk = folder / "disk";
  ASSERT_EQ(::mkdir(disk.c_str(), 0700), 0);
  enum { fine, no_disk, is_on_without_room, is_off_with_room, refuses };
  const pid_t child = in_a_child([&] {
    if (!mount_small_disk(disk, "size=16k")) ::_exit(no_disk);
    std::vector<std::unique_ptr<Member>> members;
    for (int i = 0; i < 4; ++i) members.push_back(std::make_unique<Member>(disk + "/ledger"));
    if (!members.front()->ledger->is_on()) ::_exit(is_off_with_room);
    if (members.back()->ledger->is_on()) ::_exit(is_on_without_room);
    ::_exit(members.front()->reserve(60_B, 100_B) && members.back()->reserve(1_GiB, 1_B) ? fine : refuses);
  });
  const int status = wait_for(child);
  ASSERT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), fine);
}

// --- under those who stand in it ---

TEST_F(BadLedgerTest, AFileCutOffUnderItsProcessesIsMended) {
  const Member a(path);
  const Member b(path);
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  ASSERT_EQ(::truncate(path.c_str(), 0), 0);
  ASSERT_TRUE(b.reserve(10_B, 100_B));  // what b saw of a before it remembers no more
  a.ledger->mend();
  EXPECT_EQ(b.seen(), 60_B);
  EXPECT_EQ(a.seen(), 10_B);
  EXPECT_FALSE(b.reserve(31_B, 100_B));
  EXPECT_THAT(said, testing::Contains(HasSubstr("was damaged; it is mended")));
}

TEST_F(BadLedgerTest, AFileOverwrittenWithNonsenseIsMended) {
  const Member a(path);
  const Member b(path);
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  overwrite(0, std::string(3 * kPage, '\xAB'));
  a.ledger->mend();
  b.ledger->mend();
  EXPECT_EQ(b.seen(), 60_B);
  const Member c(path);
  EXPECT_EQ(c.seen(), 60_B);
  EXPECT_FALSE(c.reserve(41_B, 100_B));
}

TEST_F(BadLedgerTest, ADamagedEntryCountsAsItWasSeenLast) {
  const Member a(path);
  const Member b(path);
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  EXPECT_EQ(b.seen(), 60_B);
  overwrite(block(0) + kNumbersAt, std::string(64, '\xAB'));
  EXPECT_EQ(b.seen(), 60_B);
  EXPECT_EQ(picture_of_machine(path)->damaged, 1U);
  a.ledger->mend();
  EXPECT_EQ(Member(path).seen(), 60_B);
  EXPECT_EQ(picture_of_machine(path)->damaged, 0U);
}

TEST_F(BadLedgerTest, ADamagedIdentityIsMended) {
  const Member a(path);
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  overwrite(block(0), std::string(256, '\xAB'));
  a.ledger->mend();
  EXPECT_EQ(Member(path).seen(), 60_B);
}

TEST_F(BadLedgerTest, AFileThatWasRemovedIsLeftForTheOneThatIsThere) {
  const Member a(path);
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  a.ledger->placed(a.card, 50_B);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  const Member b(path);
  EXPECT_EQ(b.seen(), 0_B);
  a.ledger->mend();
  EXPECT_EQ(b.seen(), 60_B);
  EXPECT_EQ(b.ledger->others(b.card, b.ledger->moment()).promised, 10_B);
  EXPECT_FALSE(a.reserve(51_B, 100_B) && b.reserve(51_B, 100_B));
}

// A program that closes all descriptors it finds, and has a file of its own under the number by then.
TEST_F(BadLedgerTest, AFileThatTheProgramHasClosedIsOpenedAgainAndItsOwnIsLeftAlone) {
  const Member b(path);
  const int next = ::dup(0);
  ASSERT_GE(next, 0);
  (void)::close(next);
  std::optional<Member> a(path);  // has that number
  ASSERT_TRUE(a->reserve(60_B, 100_B));
  folder.write("precious", "precious");
  const int precious = ::open((folder / "precious").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::dup2(precious, next), next);
  a->ledger->placed(a->card, 10_B);
  a->ledger->release(a->card, 5_B);
  EXPECT_EQ(b.seen(), 0_B);  // it looks dead
  a->ledger->mend();
  EXPECT_TRUE(a->ledger->is_on());
  EXPECT_EQ(b.seen(), 55_B);
  EXPECT_EQ(b.ledger->others(b.card, b.ledger->moment()).promised, 45_B);
  EXPECT_EQ(a->seen(), 0_B);
  ASSERT_TRUE(b.reserve(20_B, 100_B));
  EXPECT_EQ(a->seen(), 20_B);
  const pid_t child = in_a_child([&] { ::_exit(::fcntl(next, F_GETFD) < 0 ? 1 : 0); });
  EXPECT_EQ(wait_for(child), 0);  // nor closed in a child
  a.reset();
  EXPECT_GE(::fcntl(next, F_GETFD), 0);
  EXPECT_EQ(test::read_whole_file(folder / "precious"), "precious");
  (void)::close(next);
  (void)::close(precious);
}

TEST_F(BadLedgerTest, AFileThatWasReplacedByWhatIsNoneTurnsItOff) {
  const Member a(path);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_TRUE(a.reserve(60_B, 1_B));
  EXPECT_THAT(a.ledger->why_off(), HasSubstr("is not a regular file"));
  EXPECT_THAT(said, ElementsAre(HasSubstr("is not seen any more")));
}

// Whatever the bytes: nothing crashes, nobody hangs, and the next write makes it whole.
TEST_F(BadLedgerTest, RandomDamageAnywhereIsSurvived) {
  const Member a(path);
  const Member b(path);
  ASSERT_TRUE(a.reserve(60_B, 100_B));
  a.ledger->show({{.name = "chat", .parts = {{.account = 0, .reserved = 1_B, .taken = 1_B}}}});
  std::minstd_rand random(17);
  for (int round = 0; round < 300; ++round) {
    std::string bytes(1 + random() % 600, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    overwrite(random() % (kBlocksAt + 3 * kBlockBytes), bytes);
    (void)b.reserve(1_B, 100_B);
    (void)a.seen();
    (void)picture_of_machine(path);
  }
  a.ledger->mend();
  b.ledger->mend();
  a.ledger->mend();
  EXPECT_EQ(b.seen(), 60_B);
}

}  // namespace
}  // namespace plimsoll::broker
