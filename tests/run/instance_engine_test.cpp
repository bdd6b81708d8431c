#include <gtest/gtest.h>

#include <plimsoll/base/error.hpp>
#include "run/open.hpp"

#include "arch_models.hpp"
#include "small_models.hpp"

namespace plimsoll::run {
namespace {

using test::plan_of;
using test::ready;
using test::reserve;
using test::small_request;

template <class Action>
ErrorCode code_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_GT(std::string(error.what()).size(), 20U);
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::internal;
}

std::string text_of(Instance& instance) {
  Generation generation(instance, {.prompt = {1, 2, 3}, .predict = 8, .sampling = {.temperature = 0}});
  std::string text;
  for (const std::string& piece : pieces(generation)) text += piece;
  return text;
}

TEST(InstanceTest, StagesRunInTheirOrderOnly) {
  MemoryAccounting accounting;
  auto instance = reserve(accounting, plan_of(small_request("llama-dense", "CPU")));
  EXPECT_EQ(code_of([&] { instance->create_context(); }), ErrorCode::usage);
  EXPECT_EQ(code_of([&] { (void)instance->context(); }), ErrorCode::usage);
  instance->load();
  EXPECT_EQ(code_of([&] { instance->load(); }), ErrorCode::usage);
  instance->create_context();
  EXPECT_EQ(code_of([&] { instance->seal(); }), ErrorCode::usage);
  (void)instance->warm_up({.depth = WarmUpDepth::quick});
  instance->seal();
  EXPECT_EQ(instance->state(), Instance::State::sealed);
}

TEST(InstanceTest, TakesWhatThePlanSays) {
  MemoryAccounting accounting;
  const plan::Plan plan = plan_of(small_request("llama-dense", "CPU"));
  auto instance = reserve(accounting, plan);
  instance->load();
  instance->create_context();
  test::expect_holds_what_is_planned(*instance);
}

TEST(InstanceTest, GivesEverythingBack) {
  MemoryAccounting accounting;
  {
    const auto instance = ready(accounting, small_request("llama-dense", "CPU"));
    EXPECT_FALSE(accounting.ledger().empty());
  }
  EXPECT_TRUE(accounting.ledger().empty());
}

// Two models, a budget between one and two: the second is refused before anything is touched, the first goes on
// answering.
TEST(InstanceTest, ASecondModelThatDoesNotFitIsRefusedAndTheFirstGoesOn) {
  MemoryAccounting accounting;
  const plan::Plan a = plan_of(small_request("llama-dense", "CPU"));
  plan::Request second = small_request("llama-dense", "CPU");
  second.name = "b";
  const plan::Plan b = plan_of(second);
  auto first = reserve(accounting, a);
  const Bytes one = accounting.ledger().account(device::host()).committed;
  accounting.ledger().set_budget(device::host(), one + one - 1_B);

  EXPECT_EQ(code_of([&] { Instance refused(accounting, b.models.front(), b.devices); }), ErrorCode::over_budget);
  EXPECT_EQ(accounting.ledger().account(device::host()).committed, one);

  make_ready(*first, {}, nullptr);  // measured now: its runtime is less than the estimate that was reserved
  const Bytes measured = accounting.ledger().account(device::host()).committed;
  accounting.ledger().set_budget(device::host(), measured + one - 1_B);
  const std::string before = text_of(*first);
  EXPECT_EQ(code_of([&] { Instance refused(accounting, b.models.front(), b.devices); }), ErrorCode::over_budget);
  EXPECT_EQ(accounting.ledger().account(device::host()).committed, measured);
  EXPECT_EQ(text_of(*first), before);
}

TEST(InstanceTest, APlanOfTheWholeBudgetFitsAndOneByteLessDoesNot) {
  plan::PlannerOptions options;
  const plan::Plan plan = plan_of(small_request("llama-dense", "CPU"));
  const Bytes required = plan::required_on(device::host(), plan.models);
  options.budgets = {{.device = device::host(), .amount = required}};
  EXPECT_TRUE(plan_of(small_request("llama-dense", "CPU"), options).fits());
  options.budgets = {{.device = device::host(), .amount = required - 1_B}};
  const plan::Plan refused = plan_of(small_request("llama-dense", "CPU"), options);
  EXPECT_FALSE(refused.fits());
  const auto host = std::ranges::find_if(refused.devices, [](const auto& one) { return one.state.info.id.is_host(); });
  EXPECT_EQ(host->short_by, 1_B);
  EXPECT_EQ(host->limit, plan::Limit::budget);
}

// The budget holds even when a plan is wrong: a context larger than the one reserved is refused at the allocation.
TEST(InstanceTest, AnAllocationBeyondTheBudgetIsRefusedAndTheNeighbourAnswers) {
  MemoryAccounting accounting;
  auto neighbour = ready(accounting, small_request("llama-dense", "CPU"));
  const std::string before = text_of(*neighbour);
  plan::Plan wrong = plan_of(small_request("jamba-dense", "CPU"));
  for (plan::Entry& entry : wrong.models.front().entries) {
    if (entry.charged) entry.bytes = 1_B;  // a plan that is wrong about everything
  }
  const Bytes committed = accounting.ledger().account(device::host()).committed;
  accounting.ledger().set_budget(device::host(), committed + 4_KiB);
  {
    Instance liar(accounting, wrong.models.front(), wrong.devices);
    liar.load();
    EXPECT_EQ(code_of([&] { liar.create_context(); }), ErrorCode::over_budget);
    EXPECT_EQ(liar.state(), Instance::State::loaded);
  }
  EXPECT_EQ(accounting.ledger().account(device::host()).committed, committed);
  EXPECT_EQ(text_of(*neighbour), before);
}

TEST(InstanceTest, ASealedModelRefusesMoreRowsOfLogitsThanItHolds) {
  MemoryAccounting accounting;
  const auto instance = ready(accounting, small_request("llama-dense", "CPU"));
  engine::Batch batch;
  for (engine::Position i = 0; i < 4; ++i) batch.add(1, i, 0, true);
  EXPECT_EQ(code_of([&] { (void)instance->decode(batch); }), ErrorCode::sealed);
  EXPECT_EQ(instance->seal_counts().allocations_after_seal, 0U);
  EXPECT_FALSE(text_of(*instance).empty());
}

TEST(InstanceTest, HoldsTheRowsOfLogitsThatWerePlanned) {
  MemoryAccounting accounting;
  plan::Request request = small_request("llama-dense", "CPU");
  request.dry_run.context.n_outputs_max = 16;
  const auto instance = ready(accounting, request);
  engine::Batch batch;
  for (engine::Position i = 0; i < 16; ++i) batch.add(1, i, 0, true);
  EXPECT_EQ(instance->decode(batch), engine::DecodeStatus::ok);
  EXPECT_EQ(instance->seal_counts().allocations_after_seal, 0U);
  auto planned = std::ranges::find(instance->plan().entries, memory::Stage::output, &plan::Entry::stage);
  const auto taken = instance->snapshot();
  auto held = std::ranges::find(taken, memory::Stage::output, &plan::Entry::stage);
  ASSERT_NE(planned, instance->plan().entries.end());
  ASSERT_NE(held, taken.end());
  EXPECT_EQ(planned->bytes, held->bytes);
}

TEST(InstanceTest, LoadingIsCancelledCleanly) {
  MemoryAccounting accounting;
  std::stop_source source;
  {
    auto instance = reserve(accounting, plan_of(small_request("llama-dense", "CPU")));
    EXPECT_EQ(code_of([&] { instance->load([&](float) { source.request_stop(); }, source.get_token()); }),
              ErrorCode::cancelled);
    EXPECT_EQ(instance->state(), Instance::State::reserved);
  }
  EXPECT_TRUE(accounting.ledger().empty());
}

TEST(InstanceTest, WarmUpIsCancelledCleanly) {
  MemoryAccounting accounting;
  std::stop_source source;
  {
    auto instance = reserve(accounting, plan_of(small_request("llama-dense", "CPU")));
    instance->load();
    instance->create_context();
    WarmUpOptions options{.depth = WarmUpDepth::full};
    options.stop = source.get_token();
    options.progress = [&](const WarmUpStep&, std::size_t done, std::size_t) {
      if (done == 1) source.request_stop();
    };
    EXPECT_EQ(code_of([&] { (void)instance->warm_up(options); }), ErrorCode::cancelled);
  }
  EXPECT_TRUE(accounting.ledger().empty());
}

TEST(InstanceTest, ChurnLeavesNothingBehind) {
  MemoryAccounting accounting;
  const plan::Plan plan = plan_of(small_request("llama-dense", "CPU"));
  OpenOptions options;
  options.warm_up.depth = WarmUpDepth::quick;
  const auto once = [&] { make_ready(*reserve(accounting, plan), options, nullptr); };
  for (int i = 0; i < 10; ++i) once();  // what allocators and thread pools keep for later
  const Bytes baseline = test::process_memory();
  for (int i = 0; i < 100; ++i) once();
  EXPECT_TRUE(accounting.ledger().empty());
  EXPECT_LE(saturating_sub(test::process_memory(), baseline), 4_MiB);
}

TEST(OpenTest, OneCallPlansReservesLoadsWarmsAndSeals) {
  MemoryAccounting accounting;
  OpenOptions options;
  options.model.devices = {"none"};
  options.context.n_ctx = 256;
  options.require_enforcing = true;
  const auto instance = open(accounting, test::arch_model("qwen3-dense"), options);
  EXPECT_EQ(instance->state(), Instance::State::sealed);
  EXPECT_FALSE(text_of(*instance).empty());
}

TEST(OpenTest, SaysWhatIsMissingWhereItDoesNotFit) {
  MemoryAccounting accounting;
  OpenOptions options;
  options.model.devices = {"none"};
  options.planner.budgets = {{.device = device::host(), .amount = 64_KiB}};
  try {
    (void)open(accounting, test::arch_model("qwen3-dense"), options);
    FAIL() << "it was opened within a budget of 64 KiB";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::over_budget);
    ASSERT_GE(error.numbers().size(), 3U);
    EXPECT_EQ(error.numbers()[1].first, "available");
    EXPECT_EQ(error.numbers()[1].second, (64_KiB).value());
  }
  EXPECT_TRUE(accounting.ledger().empty());
}

}  // namespace
}  // namespace plimsoll::run
