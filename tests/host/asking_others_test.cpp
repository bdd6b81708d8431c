// Who is short of memory that idle models of another process hold.
#include "host/asking_others.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
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

}  // namespace
}  // namespace plimsoll::host
