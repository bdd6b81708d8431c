#include <plimsoll/plan/ladder.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <tuple>

#include "plan_examples.hpp"

namespace plimsoll::plan {
namespace {

// What a rung gives up, most precious first, by the words of its changes alone. Where context is lost, how much
// decides.
std::tuple<bool, bool, bool, bool> losses(const Rung& rung) {
  const auto changes = [&](std::string_view param) {
    return std::ranges::contains(rung.changes, param, &Change::param);
  };
  if (changes("device")) return {true, false, false, false};
  if (changes("n_ctx")) return {false, true, false, false};
  return {false, false, changes("n_seq_max"), changes("type_k") || changes("type_v")};
}

std::string flags_of(const Rung& rung) {
  std::string text;
  for (const std::string& flag : rung.flags) text += (text.empty() ? "" : " ") + flag;
  return text;
}

struct Asked {
  tracker::DryRunRequest request;
  tracker::DryRun dry_run;
};

// What may be asked for, and what the engine would make of it: contexts are padded, 0 and nothing mean the model's
// choice.
Asked any() {
  Asked asked{.request = request().dry_run, .dry_run = gpu_dry_run()};
  engine::ContextParams& context = asked.request.context;
  context.n_ctx = *rc::gen::element<std::optional<std::uint32_t>>(std::nullopt, 0U, 300U, 1000U, 4096U, 8192U);
  context.n_seq_max = *rc::gen::element(1U, 3U, 8U);
  context.n_ubatch = *rc::gen::element(32U, 64U, 100U, 512U);
  context.type_k = *rc::gen::element(GGML_TYPE_F16, GGML_TYPE_Q8_0);
  context.type_v = context.type_k;
  asked.dry_run.context.n_seq_max = context.n_seq_max;
  asked.dry_run.context.n_ctx_seq = std::max(256U, (context.n_ctx.value_or(4096) + 255) / 256 * 256 / context.n_seq_max);
  asked.dry_run.context.n_ctx = asked.dry_run.context.n_ctx_seq * context.n_seq_max;
  asked.dry_run.context.n_ubatch = context.n_ubatch;
  asked.dry_run.context.flash_attn = *rc::gen::arbitrary<bool>();
  asked.dry_run.gpu_layers = *rc::gen::element(0, 1, 2, 25);
  asked.dry_run.model.n_expert = *rc::gen::element(0U, 8U);
  return asked;
}

RC_GTEST_PROP(LadderProperty, ContextIsLostLastThenSequencesThenQuality, ()) {
  const Asked asked = any();
  const auto rungs = ladder(asked.request, asked.dry_run, *rc::gen::arbitrary<bool>());
  RC_ASSERT(std::ranges::is_sorted(rungs, {}, losses));
}

RC_GTEST_PROP(LadderProperty, EveryRungIsAnotherRequestThatItsFlagsAndChangesTell, ()) {
  const Asked asked = any();
  const bool accelerator_is_over = *rc::gen::arbitrary<bool>();
  const auto rungs = ladder(asked.request, asked.dry_run, accelerator_is_over);
  for (const Rung& rung : rungs) {
    RC_ASSERT(rung.request != asked.request);
    RC_ASSERT(!rung.flags.empty() && !rung.changes.empty() && !rung.cost.empty());
    RC_ASSERT(std::ranges::count(rungs, rung.request, &Rung::request) == 1);
    for (const Change& change : rung.changes) RC_ASSERT(change.from != change.to);
    // Told twice, by value and by flag: where one speaks the other does.
    const auto flag = [&](std::string_view name) { return std::ranges::contains(rung.flags, name); };
    RC_ASSERT(flag("-c") == (rung.request.context.n_ctx != asked.request.context.n_ctx));
    RC_ASSERT(flag("-np") == (rung.request.context.n_seq_max != asked.request.context.n_seq_max));
    RC_ASSERT(flag("-ctk") == (rung.request.context.type_k != asked.request.context.type_k));
    RC_ASSERT(flag("-ngl") == (rung.request.model.gpu_layers != asked.request.model.gpu_layers));
    RC_ASSERT(flag("--cpu-moe") == rung.request.model.cpu_moe);
    if (!accelerator_is_over) RC_ASSERT(!flag("-ngl") && !flag("--cpu-moe") && !flag("--device"));
    if (!asked.dry_run.context.flash_attn) RC_ASSERT(!flag("-ctk"));
    RC_ASSERT(rung.request.context.n_ubatch <= rung.request.context.n_batch);
  }
}

TEST(LadderTest, TheFirstRungsOnlySlowPromptsDown) {
  const auto rungs = ladder(request().dry_run, gpu_dry_run(), true);
  ASSERT_GE(rungs.size(), 4U);
  EXPECT_EQ(flags_of(rungs[0]), "-ub 256");
  EXPECT_EQ(flags_of(rungs[1]), "-ub 64");
  EXPECT_EQ(flags_of(rungs[2]), "-ub 64 -ngl 21");
  EXPECT_EQ(rungs[2].cost, "slower prompts; 4 of 25 layers computed on the host: slower");
  EXPECT_EQ(flags_of(rungs.back()), "--device none");
  EXPECT_EQ(flags_of(rungs[rungs.size() - 2]), "-c 512 -ctk q8_0 -ctv q8_0 -ub 64 -ngl 0");
}

// Asking for the model's own context (-c 0), or for one that the engine pads, loses nothing by itself.
TEST(LadderTest, AContextThatIsKeptIsNotLostHoweverItWasAskedFor) {
  for (const std::optional<std::uint32_t> n_ctx :
       {std::optional<std::uint32_t>{}, std::optional(0U), std::optional(300U)}) {
    tracker::DryRunRequest asked = request().dry_run;
    asked.context.n_ctx = n_ctx;
    EXPECT_EQ(flags_of(ladder(asked, gpu_dry_run(), false).front()), "-ub 256") << n_ctx.value_or(9999);
  }
}

TEST(LadderTest, ExpertsMoveBeforeLayersDo) {
  tracker::DryRun dry_run = gpu_dry_run();
  dry_run.model.n_expert = 8;
  const auto rungs = ladder(request().dry_run, dry_run, true);
  const auto at = [&](std::string_view flags) { return std::ranges::find(rungs, flags, flags_of) - rungs.begin(); };
  EXPECT_LT(at("-ub 64 --cpu-moe"), at("-ub 64 -ngl 9"));
  EXPECT_LT(at("-ub 64 -ngl 9"), std::ssize(rungs));
}

}  // namespace
}  // namespace plimsoll::plan
