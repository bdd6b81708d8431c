#include "plan/alternatives.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <tuple>

#include "plan_examples.hpp"

namespace plimsoll::plan {
namespace {

// What a alternative gives up, most precious first, by the words of its changes alone. Where context is lost, how much
// decides.
std::tuple<bool, bool, bool, bool> losses(const Candidate& candidate) {
  const auto changes = [&](std::string_view param) {
    return std::ranges::contains(candidate.changes, param, &Change::param);
  };
  if (changes("device")) return {true, false, false, false};
  if (changes("n_ctx")) return {false, true, false, false};
  return {false, false, changes("n_seq_max"), changes("type_k") || changes("type_v")};
}

std::string flags_of(const Candidate& candidate) {
  std::string text;
  for (const std::string& flag : candidate.flags) text += (text.empty() ? "" : " ") + flag;
  return text;
}

struct Asked {
  dry_run::DryRunRequest request;
  dry_run::DryRun dry_run;
};

// What may be asked for, and what the engine would make of it: contexts are padded, 0 and nothing mean the model's
// choice.
Asked any() {
  Asked asked{.request = request().dry_run, .dry_run = gpu_dry_run()};
  engine::ContextParams& context = asked.request.context;
  context.n_ctx = *rc::gen::element<std::optional<std::uint32_t>>(std::nullopt, 0U, 300U, 1000U, 4096U, 8192U);
  context.n_seq_max = *rc::gen::element(1U, 3U, 8U);
  context.n_ubatch = *rc::gen::element(32U, 64U, 100U, 512U);
  context.type_k = *rc::gen::element(engine::CacheType::f16, engine::CacheType::q8_0);
  context.type_v = context.type_k;
  asked.dry_run.context.n_seq_max = context.n_seq_max;
  asked.dry_run.context.n_ctx_seq =
      std::max(256U, (context.n_ctx.value_or(4096) + 255) / 256 * 256 / context.n_seq_max);
  asked.dry_run.context.n_ctx = asked.dry_run.context.n_ctx_seq * context.n_seq_max;
  asked.dry_run.context.n_ubatch = context.n_ubatch;
  asked.dry_run.context.flash_attn = *rc::gen::arbitrary<bool>();
  asked.dry_run.gpu_layers = *rc::gen::element(0, 1, 2, 25);
  asked.dry_run.model.n_expert = *rc::gen::element(0U, 8U);
  return asked;
}

RC_GTEST_PROP(AlternativesProperty, ContextIsLostLastThenSequencesThenQuality, ()) {
  const Asked asked = any();
  const auto all = candidates(asked.request, asked.dry_run, *rc::gen::arbitrary<bool>());
  RC_ASSERT(std::ranges::is_sorted(all, {}, losses));
}

RC_GTEST_PROP(AlternativesProperty, EveryCandidateIsAnotherRequestThatItsFlagsAndChangesTell, ()) {
  const Asked asked = any();
  const bool accelerator_is_over = *rc::gen::arbitrary<bool>();
  const auto all = candidates(asked.request, asked.dry_run, accelerator_is_over);
  for (const Candidate& candidate : all) {
    RC_ASSERT(candidate.request != asked.request);
    RC_ASSERT(!candidate.flags.empty() && !candidate.changes.empty() && !candidate.cost.empty());
    RC_ASSERT(std::ranges::count(all, candidate.request, &Candidate::request) == 1);
    for (const Change& change : candidate.changes) RC_ASSERT(change.from != change.to);
    // Told twice, by value and by flag: where one speaks the other does.
    const auto flag = [&](std::string_view name) { return std::ranges::contains(candidate.flags, name); };
    RC_ASSERT(flag("-c") == (candidate.request.context.n_ctx != asked.request.context.n_ctx));
    RC_ASSERT(flag("-np") == (candidate.request.context.n_seq_max != asked.request.context.n_seq_max));
    RC_ASSERT(flag("-ctk") == (candidate.request.context.type_k != asked.request.context.type_k));
    RC_ASSERT(flag("-ngl") == (candidate.request.model.gpu_layers != asked.request.model.gpu_layers));
    RC_ASSERT(flag("--cpu-moe") == candidate.request.model.cpu_moe);
    if (!accelerator_is_over) RC_ASSERT(!flag("-ngl") && !flag("--cpu-moe") && !flag("--device"));
    if (!asked.dry_run.context.flash_attn) RC_ASSERT(!flag("-ctk"));
    RC_ASSERT(candidate.request.context.n_ubatch <= candidate.request.context.n_batch);
  }
}

TEST(AlternativesTest, TheFirstCandidatesOnlySlowPromptsDown) {
  const auto all = candidates(request().dry_run, gpu_dry_run(), true);
  ASSERT_GE(all.size(), 4U);
  EXPECT_EQ(flags_of(all[0]), "-ub 256");
  EXPECT_EQ(flags_of(all[1]), "-ub 64");
  EXPECT_EQ(flags_of(all[2]), "-ub 64 -ngl 21");
  EXPECT_EQ(all[2].cost, "slower prompts; 4 of 25 layers computed on the host: slower");
  EXPECT_EQ(flags_of(all.back()), "--device none");
  EXPECT_EQ(flags_of(all[all.size() - 2]), "-c 512 -ctk q8_0 -ctv q8_0 -ub 64 -ngl 0");
}

// Asking for the model's own context (-c 0), or for one that the engine pads, loses nothing by itself.
TEST(AlternativesTest, AContextThatIsKeptIsNotLostHoweverItWasAskedFor) {
  for (const std::optional<std::uint32_t> n_ctx :
       {std::optional<std::uint32_t>{}, std::optional(0U), std::optional(300U)}) {
    dry_run::DryRunRequest asked = request().dry_run;
    asked.context.n_ctx = n_ctx;
    EXPECT_EQ(flags_of(candidates(asked, gpu_dry_run(), false).front()), "-ub 256") << n_ctx.value_or(9999);
  }
}

TEST(AlternativesTest, ExpertsMoveBeforeLayersDo) {
  dry_run::DryRun dry_run = gpu_dry_run();
  dry_run.model.n_expert = 8;
  const auto all = candidates(request().dry_run, dry_run, true);
  const auto at = [&](std::string_view flags) { return std::ranges::find(all, flags, flags_of) - all.begin(); };
  EXPECT_LT(at("-ub 64 --cpu-moe"), at("-ub 64 -ngl 9"));
  EXPECT_LT(at("-ub 64 -ngl 9"), std::ssize(all));
}

}  // namespace
}  // namespace plimsoll::plan
