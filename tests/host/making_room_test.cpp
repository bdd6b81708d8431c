// A program without a host whose plan does not fit: others are asked, and the plan is worth another try, or not.
#include "host/making_room.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "device/memory_key.hpp"

#include "temporary_folder.hpp"

namespace plimsoll::host {
namespace {

using namespace std::chrono_literals;

device::DeviceInfo card() {
  device::DeviceInfo info;
  info.id = device::DeviceId{"Vulkan0"};
  info.type = device::DeviceType::gpu;
  info.pci_id = "0000:c1:00.0";
  return info;
}

// Another process with models, which it lets go, keeps, or does not hear about.
class Holder {
 public:
  Holder(const std::string& path, const std::set<std::string>& models, const std::set<std::string>& keeps = {},
         bool answers = true)
      : ledger_(broker::MachineLedger::open({.program = "serve", .path = path})), models_(models), keeps_(keeps) {
    account_ = ledger_->account(device::memory_key(card()));
    ledger_->reserve_anyway(account_, 1_B);
    show();
    if (answers) thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
  }
  ~Holder() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  [[nodiscard]] std::set<std::string> models() {
    const std::lock_guard lock(mutex_);
    return models_;
  }

 private:
  // Models are named by what comes back with them; the larger ones have been idle for longer.
  void show() {
    std::vector<broker::ShownModel> shown;
    for (const std::string& name : models_) {
      const Bytes bytes{std::stoul(name)};
      shown.push_back({.name = name,
                       .can_go = true,
                       .idle_since = broker::boot_time() - std::chrono::seconds(bytes.value()),
                       .reload_time = 1s,
                       .parts = {{.account = account_, .reserved = bytes, .taken = bytes, .comes_back = bytes}}});
    }
    ledger_->show(std::move(shown));
  }
  void work(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      for (const broker::Asked& asked : ledger_->asked()) {
        const std::lock_guard lock(mutex_);
        const bool goes = !keeps_.contains(asked.model);
        ledger_->answer(asked.id, goes);
        if (goes) models_.erase(asked.model);
        show();
      }
      std::this_thread::sleep_for(1ms);
    }
  }

  std::unique_ptr<broker::MachineLedger> ledger_;
  broker::AccountId account_ = 0;
  std::mutex mutex_;
  std::set<std::string> models_;
  std::set<std::string> keeps_;
  std::jthread thread_;
};

class MakingRoomTest : public testing::Test {
 protected:
  [[nodiscard]] static std::vector<plan::DeviceVerdict> short_by(Bytes bytes, Bytes over_budget = {}) {
    plan::DeviceVerdict verdict{.state = {.info = card(), .reading = {}, .budget = {}, .ours = {}},
                                .required = 100_B,
                                .short_by = bytes,
                                .limit = plan::Limit::free,
                                .over_budget = over_budget};
    return {verdict};
  }

  test::TemporaryFolder folder;
  const std::string path = folder / "ledger";
  std::unique_ptr<broker::MachineLedger> here = broker::MachineLedger::open({.program = "generate", .path = path});
};

TEST_F(MakingRoomTest, TheSmallestSetGoes) {
  Holder holder(path, {"30", "40", "60"});
  EXPECT_TRUE(make_room(*here, short_by(50_B), {}));
  EXPECT_EQ(holder.models(), (std::set<std::string>{"30", "40"}));
}

TEST_F(MakingRoomTest, OfSeveralProcessesTogether) {
  Holder a(path, {"30"});
  Holder b(path, {"40"});
  EXPECT_TRUE(make_room(*here, short_by(70_B), {}));
  EXPECT_TRUE(a.models().empty());
  EXPECT_TRUE(b.models().empty());
}

TEST_F(MakingRoomTest, WhoStaysIsPassedOver) {
  Holder a(path, {"60"}, {"60"});
  Holder b(path, {"50"});
  EXPECT_TRUE(make_room(*here, short_by(50_B), {}));
  EXPECT_EQ(a.models(), std::set<std::string>{"60"});
  EXPECT_TRUE(b.models().empty());
}

TEST_F(MakingRoomTest, WhoDoesNotAnswerIsPassedOver) {
  Holder a(path, {"60"}, {}, false);
  Holder b(path, {"50"});
  EXPECT_TRUE(make_room(*here, short_by(50_B), {}));
  EXPECT_TRUE(b.models().empty());
}

TEST_F(MakingRoomTest, WhereNotEvenAllSufficeNobodyIsAsked) {
  Holder holder(path, {"30", "40"});
  EXPECT_FALSE(make_room(*here, short_by(71_B), {}));
  EXPECT_EQ(holder.models().size(), 2U);
}

TEST_F(MakingRoomTest, ABudgetOfOursIsNotForOthersToMend) {
  Holder holder(path, {"60"});
  EXPECT_FALSE(make_room(*here, short_by(50_B, 1_B), {}));
  EXPECT_EQ(holder.models().size(), 1U);
}

TEST_F(MakingRoomTest, WhatWasMadeFreeIsNotForThoseWhoComeLater) {
  Holder holder(path, {"60"});
  ASSERT_TRUE(make_room(*here, short_by(50_B), {}));
  const auto later = broker::MachineLedger::open({.program = "later", .path = path});
  EXPECT_EQ(later->others(later->account(device::memory_key(card()))).promised, 101_B);
}

TEST_F(MakingRoomTest, TurnedOffNobodyIsAsked) {
  const auto off = broker::MachineLedger::open({.program = "generate", .path = "off"});
  EXPECT_FALSE(make_room(*off, short_by(50_B), {}));
}

}  // namespace
}  // namespace plimsoll::host
