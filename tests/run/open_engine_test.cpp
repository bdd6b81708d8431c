// What several opens in one process owe each other: names and budgets.
#include "run/open.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <tuple>

#include "arch_models.hpp"
#include "expect_error.hpp"
#include "small_models.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::run {
namespace {

using test::expect_error;

class OpenTwiceTest : public ::testing::Test {
 protected:
  // A file of that name in a folder of its own.
  std::string copy_of(const std::string& model, const std::string& folder, const std::string& name) const {
    const std::filesystem::path path = temporary.path() / folder / name;
    std::filesystem::create_directories(path.parent_path());
    std::filesystem::copy_file(test::arch_model(model), path);
    return path;
  }
  std::unique_ptr<Instance> open_quickly(const std::string& path, OpenOptions options = {}) {
    options.context = {.n_ctx = 128, .n_batch = 32, .n_ubatch = 32, .n_seq_max = 1};
    options.warm_up.depth = WarmUpDepth::quick;
    return open(accounting, path, options);
  }

  test::TemporaryFolder temporary;
  MemoryAccounting accounting;
};

// As planned, whatever the runtime turned out to be.
void expect_its_own_entries(const Instance& instance) {
  const auto exact = [](std::vector<plan::Entry> budgets) {
    std::erase_if(budgets, [](const plan::Entry& entry) { return entry.stage == memory::Stage::runtime; });
    std::ranges::sort(budgets, {},
                      [](const plan::Entry& entry) { return std::tuple(entry.device, entry.buffer, entry.stage); });
    return budgets;
  };
  EXPECT_EQ(exact(instance.snapshot()), exact(instance.plan().entries));
}

std::string text_of(Instance& instance) {
  Generation generation(instance, {.prompt = {1, 2, 3}, .predict = 4, .sampling = {.temperature = 0}});
  std::string text;
  for (const std::string& piece : pieces(generation)) text += piece;
  return text;
}

TEST_F(OpenTwiceTest, TwoFilesOfOneNameAreTwoOwners) {
  const auto first = open_quickly(copy_of("llama-dense", "one", "model.gguf"));
  auto second = open_quickly(copy_of("qwen3-dense", "two", "model.gguf"));
  EXPECT_EQ(first->name(), "model");
  EXPECT_EQ(second->name(), "model-2");
  expect_its_own_entries(*first);
  expect_its_own_entries(*second);

  second.reset();  // which takes no seal but its own away
  EXPECT_TRUE(accounting.seal().closed("model"));
  EXPECT_FALSE(accounting.seal().closed("model-2"));
  (void)text_of(*first);
  EXPECT_EQ(first->seal_counts().refused_after_seal, 0U);
  expect_its_own_entries(*first);
}

TEST_F(OpenTwiceTest, OneFileOpenedTwiceIsTwoOwners) {
  const std::string path = copy_of("llama-dense", "one", "model.gguf");
  auto first = open_quickly(path);
  const auto second = open_quickly(path);
  first.reset();
  EXPECT_TRUE(accounting.seal().closed("model-2"));
  expect_its_own_entries(*second);
  EXPECT_EQ(open_quickly(path)->name(), "model") << "a name is free again when its owner is gone";
}

TEST_F(OpenTwiceTest, ANameOfOnesOwnIsRefusedWhileAnotherHasIt) {
  const std::string path = copy_of("llama-dense", "one", "model.gguf");
  OpenOptions named;
  named.name = "mine";
  const auto first = open_quickly(path, named);
  EXPECT_EQ(first->name(), "mine");
  const Bytes before = accounting.ledger().account(device::host()).committed;
  expect_error(ErrorCode::usage, "'mine' is open already", [&] { (void)open_quickly(path, named); });
  EXPECT_EQ(accounting.ledger().account(device::host()).committed, before);
}

TEST_F(OpenTwiceTest, AnOpenThatNamesNoBudgetTakesNoneAway) {
  const std::string path = copy_of("llama-dense", "one", "model.gguf");
  OpenOptions with_budget;
  with_budget.planner.budgets = {{.device = device::host(), .amount = 1_GiB}};
  const auto first = open_quickly(path, with_budget);
  ASSERT_EQ(accounting.ledger().account(device::host()).budget, 1_GiB);
  const auto second = open_quickly(path);
  EXPECT_EQ(accounting.ledger().account(device::host()).budget, 1_GiB);

  OpenOptions narrower;  // than what two hold: a third has no room, and the budget is what was asked for last
  narrower.planner.budgets = {{.device = device::host(), .amount = 1_MiB}};
  expect_error(ErrorCode::over_budget, "CPU", [&] { (void)open_quickly(path, narrower); });
  EXPECT_EQ(accounting.ledger().account(device::host()).budget, 1_GiB) << "a refused open changes nothing";
}

}  // namespace
}  // namespace plimsoll::run
