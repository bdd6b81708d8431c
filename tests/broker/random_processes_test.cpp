// Many processes that start, reserve, take, give back and are killed at any moment, under one card: never is more taken
// or promised than there is, and in the end nothing is left. PLIMSOLL_SEED=N runs one seed again.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <map>
#include <new>
#include <random>
#include <vector>

#include "broker/machine_ledger.hpp"

#include "ledger_processes.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::broker {
namespace {

const MemoryKey kMemory{.pci = "0000:c1:00.0", .uuid = {}, .name = "Vulkan0"};
constexpr std::uint64_t kThere = 1'000'000;
constexpr std::size_t kAtOnce = 12;

// The device, in memory that all processes share: what each of them has really taken.
struct Card {
  std::array<std::atomic<std::uint64_t>, kAtOnce> taken{};
  std::atomic<std::uint64_t> crossings = 0;
  std::atomic<std::uint64_t> granted = 0;
  std::atomic<std::uint64_t> refused = 0;

  [[nodiscard]] std::uint64_t sum() const {
    std::uint64_t out = 0;
    for (const auto& one : taken) out += one.load();
    return out;
  }
  [[nodiscard]] Bytes free() const {
    const std::uint64_t all = sum();
    return Bytes{all > kThere ? 0 : kThere - all};
  }
  void take(std::size_t place, std::uint64_t bytes) {
    taken[place].fetch_add(bytes);
    if (sum() > kThere) crossings.fetch_add(1);
  }
};

class Life {
 public:
  Life(Card& card, std::size_t place, const std::string& path, unsigned seed)
      : card_(card),
        place_(place),
        ledger_(MachineLedger::open({.program = "random", .path = path})),
        account_(ledger_->account(kMemory)),
        random_(seed) {}

  void live() {
    const int steps = up_to(12);
    for (int step = 0; step < steps; ++step) {
      may_die();
      switch (up_to(4)) {
        case 0:
        case 1:
          reserve();
          break;
        case 2:
          take();
          break;
        case 3:
          give_back();
          break;
        default:
          release();
          break;
      }
      if (up_to(3) == 0) (void)::usleep(static_cast<useconds_t>(up_to(300)));
    }
    may_die();
    while (taken_ > 0) give_back();
  }

 private:
  int up_to(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }
  std::uint64_t amount(std::uint64_t most) { return std::uniform_int_distribution<std::uint64_t>(0, most)(random_); }
  void may_die() {
    if (up_to(30) == 0) (void)::raise(SIGKILL);
  }

  void reserve() {
    const Bytes more{1 + amount(kThere / 3)};
    const Moment before = ledger_->moment();
    may_die();
    const Bytes free = card_.free();
    const bool granted =
        ledger_->reserve(before, std::vector<Want>{{.account = account_, .more = more, .free = free}}).has_value();
    (granted ? card_.granted : card_.refused).fetch_add(1);
    if (granted) reserved_ += more.value();
  }
  void take() {
    const std::uint64_t bytes = amount(reserved_ - taken_);
    card_.take(place_, bytes);
    may_die();
    ledger_->placed(account_, Bytes{bytes});
    taken_ += bytes;
  }
  void give_back() {
    const std::uint64_t bytes = up_to(1) == 0 ? taken_ : amount(taken_);
    ledger_->leaving(account_, Bytes{bytes});
    may_die();
    card_.taken[place_].fetch_sub(bytes);
    taken_ -= bytes;
  }
  void release() {
    const std::uint64_t bytes = amount(reserved_ - taken_);
    ledger_->release(account_, Bytes{bytes});
    reserved_ -= bytes;
  }

  Card& card_;
  std::size_t place_;
  std::unique_ptr<MachineLedger> ledger_;
  AccountId account_;
  std::mt19937 random_;
  std::uint64_t reserved_ = 0;
  std::uint64_t taken_ = 0;
};

class RandomProcesses {
 public:
  explicit RandomProcesses(unsigned seed) : random_(seed) {
    card_ = new (::mmap(nullptr, sizeof(Card), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Card;
  }
  ~RandomProcesses() {
    for (const auto& [child, place] : living_) kill_and_wait(child);
    (void)::munmap(card_, sizeof(Card));
  }

  void run(int processes) {
    for (int begun = 0; begun < processes || !living_.empty();) {
      if (begun < processes && living_.size() < kAtOnce) {
        begin();
        ++begun;
      } else {
        end_one(begun == processes);
      }
      look();
    }
  }

  [[nodiscard]] const Card& card() const { return *card_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int looks() const { return looks_; }

 private:
  void begin() {
    std::size_t place = 0;
    while (std::ranges::contains(living_, place, &std::pair<const pid_t, std::size_t>::second)) ++place;
    const unsigned seed = static_cast<unsigned>(random_());
    const pid_t child = in_a_child([&] { Life(*card_, place, path_, seed).live(); });
    living_.emplace(child, place);
  }

  // One that has ended, or is killed now. What it had taken comes back a little later.
  void end_one(bool wait) {
    if (random_() % 4 == 0) {
      auto victim = living_.begin();
      std::advance(victim, static_cast<std::ptrdiff_t>(random_() % living_.size()));
      (void)::kill(victim->first, SIGKILL);
    }
    int status = 0;
    const pid_t child = ::waitpid(-1, &status, wait || living_.size() == kAtOnce ? 0 : WNOHANG);
    if (child <= 0) return;
    const std::size_t place = living_.at(child);
    if (random_() % 2 == 0) (void)::usleep(static_cast<useconds_t>(random_() % 2000));
    card_->taken[place].store(0);
    living_.erase(child);
    EXPECT_TRUE((WIFEXITED(status) && WEXITSTATUS(status) == 0) || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
        << status;
  }

  void look() {
    const auto picture = picture_of_machine(path_);
    ASSERT_TRUE(picture) << picture.error();
    ++looks_;
  }

  test::TemporaryFolder folder_;
  const std::string path_ = folder_ / "ledger";
  std::mt19937 random_;
  Card* card_ = nullptr;
  std::map<pid_t, std::size_t> living_;
  int looks_ = 0;
};

TEST(RandomProcessesTest, NeverMoreThanThereIsAndNothingIsLeft) {
  const char* given = std::getenv("PLIMSOLL_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::atoi(given)) : std::random_device{}();
  SCOPED_TRACE("PLIMSOLL_SEED=" + std::to_string(seed));
  RandomProcesses processes(seed);
  processes.run(1000);
  EXPECT_EQ(processes.card().crossings.load(), 0U);
  EXPECT_GT(processes.card().granted.load(), 200U);
  EXPECT_GT(processes.card().refused.load(), 20U);
  const auto here = MachineLedger::open({.program = "last", .path = processes.path()});
  const AccountId card = here->account(kMemory);
  EXPECT_TRUE(here->reserve(here->moment(),
                            std::vector<Want>{{.account = card, .more = Bytes{kThere}, .free = Bytes{kThere}}}));
  EXPECT_EQ(here->others(card).reserved, 0_B);
  EXPECT_EQ(picture_of_machine(processes.path())->damaged, 0U);
}

}  // namespace
}  // namespace plimsoll::broker
