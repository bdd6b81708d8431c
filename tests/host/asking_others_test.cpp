// Who is short of memory that idle models of another process hold.
#include "host/asking_others.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "temporary_folder.hpp"

namespace plimsoll::host {
namespace {

using broker::MachineLedger;

constexpr int kModels = 40;  // more than can be asked at once

// Another process: it lets go whatever it is asked for. `comes_back`: so often at first its own requests have had a
// model again before anybody has looked.
class Obliging {
 public:
  explicit Obliging(const std::string& path, int models = kModels, int comes_back = 0)
      : comes_back_(comes_back),
        ledger_(MachineLedger::open({.program = "serve", .path = path})),
        card_(ledger_->account({.pci = "0000:c1:00.0", .uuid = {}, .name = "Vulkan0"})) {
    for (int i = 0; i < models; ++i)
      models_.push_back({.name = "model " + std::to_string(i),
                         .work = broker::Work::ready,
                         .can_go = true,
                         .idle_since = broker::boot_time(),
                         .parts = {{.account = card_, .reserved = 10_B, .taken = 10_B, .comes_back = 10_B}}});
    ledger_->show(models_);
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        answer();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }

 private:
  void answer() {
    for (const broker::Asked& asked : ledger_->asked()) {
      ledger_->answer(asked.id, true);
      if (comes_back_-- > 0) continue;
      std::erase_if(models_, [&](const broker::ShownModel& model) { return model.name == asked.model; });
      ledger_->show(models_);
    }
  }

  int comes_back_;
  std::unique_ptr<MachineLedger> ledger_;
  broker::AccountId card_;
  std::vector<broker::ShownModel> models_;
  std::jthread thread_;
};

TEST(AskingOthersTest, MoreModelsThanCanBeAskedAtOnceGoOneAfterTheOther) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "ledger";
  const Obliging other(path);
  const auto here = MachineLedger::open({.program = "test", .path = path});
  const broker::AccountId card = here->account({.pci = "0000:c1:00.0", .uuid = {}, .name = "Vulkan0"});
  const MissingMemory all{.missing = {{card, 10U * kModels}}, .needs = {}};
  EXPECT_TRUE(ask_others(*here, all, {}));
  EXPECT_TRUE(here->offers().empty());
}

// It would be waited for, and then nobody would be left.
TEST(AskingOthersTest, WhoHasGoneAndComeBackUnseenIsAskedAnew) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "ledger";
  const Obliging other(path, 1, 2);
  const auto here = MachineLedger::open({.program = "test", .path = path});
  const broker::AccountId card = here->account({.pci = "0000:c1:00.0", .uuid = {}, .name = "Vulkan0"});
  EXPECT_TRUE(ask_others(*here, {.missing = {{card, 10U}}, .needs = {}}, {}));
  EXPECT_TRUE(here->offers().empty());
}

// Of its three models the first goes, the second stays, which it says a while later, and the third goes.
class Reluctant {
 public:
  explicit Reluctant(const std::string& path)
      : ledger_(MachineLedger::open({.program = "serve", .path = path})),
        card_(ledger_->account({.pci = "0000:c1:00.0", .uuid = {}, .name = "Vulkan0"})) {
    for (const char* name : {"first", "second", "third"})
      models_.push_back({.name = name,
                         .work = broker::Work::ready,
                         .can_go = true,
                         .idle_since = std::string_view(name) == "third" ? broker::boot_time() : broker::BootTime(1),
                         .reload_time = std::chrono::seconds(1),
                         .parts = {{.account = card_, .reserved = 10_B, .taken = 10_B, .comes_back = 10_B}}});
    ledger_->show(models_);
    thread_ = std::jthread([this](const std::stop_token& stop) {
      for (; !stop.stop_requested(); std::this_thread::sleep_for(std::chrono::milliseconds(1))) answer();
    });
  }

 private:
  void answer() {
    for (const broker::Asked& asked : ledger_->asked()) {
      const bool goes = asked.model != "second";
      if (!goes && (!gone_ || std::chrono::steady_clock::now() - *gone_ < std::chrono::milliseconds(200))) continue;
      ledger_->answer(asked.id, goes);
      if (!goes) continue;
      if (!gone_) gone_ = std::chrono::steady_clock::now();
      std::erase_if(models_, [&](const broker::ShownModel& model) { return model.name == asked.model; });
      ledger_->show(models_);
    }
  }

  std::unique_ptr<MachineLedger> ledger_;
  broker::AccountId card_;
  std::vector<broker::ShownModel> models_;
  std::optional<std::chrono::steady_clock::time_point> gone_;
  std::jthread thread_;
};

TEST(AskingOthersTest, WhatHasComeBackAlreadyIsNotMissedAgain) {
  const test::TemporaryFolder folder;
  const std::string path = folder / "ledger";
  const Reluctant other(path);
  const auto here = MachineLedger::open({.program = "test", .path = path});
  const broker::AccountId card = here->account({.pci = "0000:c1:00.0", .uuid = {}, .name = "Vulkan0"});
  EXPECT_TRUE(ask_others(*here, {.missing = {{card, 20U}}, .needs = {}}, {}));
  ASSERT_EQ(here->offers().size(), 1U);
  EXPECT_EQ(here->offers().front().model.name, "second");
}

}  // namespace
}  // namespace plimsoll::host
