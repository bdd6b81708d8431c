// Opening: plans, stages, refusals, waiting, what callers' functions throw.
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <plimsoll/plimsoll.hpp>
#include <thread>

#include "demo_model.hpp"
#include "expect_error.hpp"
#include "paths.hpp"
#include "temporary_folder.hpp"

namespace plimsoll {
namespace {

using test::expect_error;
using test::kGreedy;
using test::kModel;
using test::small;

std::vector<plan::Entry> exact(std::vector<plan::Entry> entries) {
  std::erase_if(entries, [](const plan::Entry& entry) { return entry.stage == memory::Stage::runtime; });
  std::ranges::sort(entries, {}, [](const plan::Entry& entry) { return std::tuple(entry.stage, entry.buffer); });
  return entries;
}

TEST(Opening, APlanTakesNothingAndIsWhatIsTaken) {
  Runtime runtime;
  const Plan plan = runtime.plan(kModel, small());
  EXPECT_TRUE(plan.fits());
  EXPECT_FALSE(plan.refusal());
  EXPECT_TRUE(plan.alternatives().empty());
  for (const DeviceStatus& device : runtime.devices()) EXPECT_EQ(device.committed, Bytes{});
  const Model model = runtime.open(kModel, small());
  ASSERT_EQ(plan.models().size(), 1U);
  EXPECT_EQ(exact(plan.models().front().entries), exact(model.taken()));
  EXPECT_EQ(exact(model.planned()), exact(model.taken()));
  EXPECT_NE(plan.table().find("mate-chat"), std::string::npos);
  EXPECT_NE(plan.json().find("plimsoll.plan/1"), std::string::npos);
}

TEST(Opening, ARefusalTakesNothingAndNamesWhatWouldFit) {
  Runtime runtime({.budgets = {{.device = device::host(), .amount = 24_MiB}}});
  ModelOptions options = small();
  options.context.n_ctx = 16384;
  const Plan plan = runtime.plan(kModel, options);
  ASSERT_FALSE(plan.fits());
  ASSERT_FALSE(plan.alternatives().empty());
  EXPECT_GT(plan.devices().front().short_by, Bytes{});
  ASSERT_TRUE(plan.refusal());
  EXPECT_EQ(plan.refusal()->code(), ErrorCode::over_budget);
  EXPECT_NE(std::string(plan.refusal()->what()).find("it would fit with"), std::string::npos);
  expect_error(ErrorCode::over_budget, "it would fit with", [&] { (void)runtime.open(kModel, options); });
  for (const DeviceStatus& device : runtime.devices()) EXPECT_EQ(device.committed, Bytes{});
}

TEST(Opening, StagesFollowEachOther) {
  Runtime runtime;
  ReservedModel reserved = runtime.reserve(kModel, small());
  EXPECT_TRUE(reserved.plan().fits());
  const auto committed = [&] {
    Bytes sum;
    for (const DeviceStatus& device : runtime.devices()) sum += device.taken;
    return sum;
  };
  EXPECT_EQ(committed(), Bytes{});
  LoadedModel loaded = std::move(reserved).load();
  UnwarmedModel unwarmed = std::move(loaded).create_context();
  const Bytes before = committed();
  EXPECT_GT(before, Bytes{});
  const Model model = std::move(unwarmed).warm_up();
  EXPECT_EQ(model.seal_counts().refused_after_seal, 0U);
  EXPECT_FALSE(model.generate("Day 12.", kGreedy).read_all().empty());
  expect_error(ErrorCode::usage, "moved from", [&] { (void)std::move(loaded).create_context(); });
}

TEST(Opening, WhatAProgressCallbackThrowsArrivesAsItself) {
  struct Mine {};
  Runtime runtime;
  ModelOptions options = small();
  options.load_progress = [](float) { throw Mine(); };
  EXPECT_THROW((void)runtime.open(kModel, options), Mine);
  for (const DeviceStatus& device : runtime.devices()) EXPECT_EQ(device.committed, Bytes{});
  EXPECT_FALSE(runtime.open(kModel, small()).generate("Day 12.", kGreedy).read_all().empty());
}

TEST(Opening, AStatelessRequestCanWaitForASequence) {
  const Model model = Runtime().open(kModel, small());
  std::optional<Generation> first = model.generate("Day 12.", kGreedy);
  expect_error(ErrorCode::busy, "every sequence", [&] { (void)model.generate("Day 12.", kGreedy); });
  expect_error(ErrorCode::busy, "every sequence",
               [&] { (void)model.generate("Day 12.", kGreedy, {.patience = std::chrono::milliseconds(20)}); });
  std::jthread ends([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    (void)first->read_all();
    first.reset();
  });
  EXPECT_FALSE(model.generate("Day 12.", kGreedy, {.patience = std::chrono::seconds(60)}).read_all().empty());
}

TEST(Opening, WaitingForEverIsPossible) {
  const Model model = Runtime().open(kModel, small());
  std::optional<Conversation> only = model.conversation();
  std::jthread ends([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    only.reset();
  });
  EXPECT_NO_THROW((void)model.conversation({.patience = std::chrono::milliseconds::max()}));
}

TEST(Opening, QuantizingNeedsAProgramOnceThereIsARuntime) {
  const Runtime runtime;
  (void)runtime.devices();  // from here on the backends are started
  const test::TemporaryFolder folder;
  const std::string file = (folder.path() / "quantized.gguf").string();
  expect_error(ErrorCode::io, "no-such-program",
               [&] { (void)quantize_file(kModel, file, "Q8_0", {.program = "/no-such-program"}); });
  const Quantized made = quantize_file(kModel, file, "Q8_0", {.dry_run = true, .program = binary_path("bin/plimsoll")});
  EXPECT_GT(made.tensors, 0U);
}

TEST(Opening, WaitingCanBeStopped) {
  const Model model = Runtime().open(kModel, small());
  const Conversation only = model.conversation();
  std::stop_source stop;
  std::jthread stops([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.request_stop();
  });
  expect_error(ErrorCode::cancelled, "waiting",
               [&] { (void)model.conversation({.patience = std::chrono::seconds(60), .stop = stop.get_token()}); });
}

TEST(Opening, ADraftChangesNothingButTheTime) {
  Runtime runtime;
  const std::string alone = runtime.open(kModel, small()).generate("Day 12.", kGreedy).read_all();
  ModelOptions options = small();
  options.draft = DraftOptions{.path = kModel, .most = 4};
  const Model model = runtime.open(kModel, options);
  EXPECT_EQ(model.generate("Day 12.", kGreedy).read_all(), alone);
  Conversation conversation = model.conversation();
  EXPECT_EQ(conversation.generate("Day 12.", kGreedy).read_all(), alone);
  EXPECT_FALSE(conversation.generate(" And then", kGreedy).read_all().empty());
}

TEST(Opening, AChatSpeculatesAsWell) {
  Runtime runtime;
  const auto talk = [&](const ModelOptions& options, GenerationTiming& timing) {
    Chat chat(runtime.open(kModel, options));
    std::string said = chat.say("Who are you?", kGreedy).read_all();
    said += chat.regenerate(kGreedy).read_all();
    Generation last = chat.say("Where are we?", kGreedy);
    said += last.read_all();
    timing = last.timing();
    return said;
  };
  GenerationTiming timing;
  const std::string alone = talk(small(), timing);
  EXPECT_EQ(timing.draft_tokens, 0);
  ModelOptions options = small();
  options.draft = DraftOptions{.path = kModel, .most = 4};
  EXPECT_EQ(talk(options, timing), alone);
  EXPECT_GT(timing.draft_tokens, 0);
  EXPECT_GT(timing.accepted_tokens, 0);
}

TEST(Opening, ADraftOfAnotherVocabularyIsRefused) {
  Runtime runtime;
  ModelOptions options = small();
  options.draft = DraftOptions{.path = test::kOtherModel, .most = 4};
  expect_error(ErrorCode::usage, "not the same vocabulary", [&] { (void)runtime.open(kModel, options); });
}

TEST(Opening, ARuntimeIsWatchedWithoutAHost) {
  Runtime runtime({.budgets = {{.device = device::host(), .amount = 256_MiB}}});
  std::vector<monitor::Alert> alerts;
  Monitor monitor(runtime, {.interval = std::chrono::milliseconds(0),
                            .thresholds = {.warn = 0.01, .high = 0.02},
                            .on_alert = [&](const monitor::Alert& alert) { alerts.push_back(alert); }});
  EXPECT_FALSE(monitor.latest());
  EXPECT_EQ(monitor.json(), "null");
  (void)monitor.sample_now();
  const Model model = runtime.open(kModel, small());
  const monitor::Sample sample = monitor.sample_now();
  EXPECT_FALSE(sample.others.empty());
  // Beside it others of the machine may have taken memory.
  EXPECT_TRUE(std::ranges::contains(alerts, monitor::AlertKind::threshold, &monitor::Alert::kind));
  EXPECT_NE(monitor.prometheus().find("plimsoll_"), std::string::npos);
  EXPECT_NE(monitor.json().find("\"plimsoll.status/1\""), std::string::npos);
}

TEST(Opening, ThresholdsThatDoNotRiseAreRefused) {
  Runtime runtime;
  const auto watched = [&](const memory::Thresholds& at) { const Monitor monitor(runtime, {.thresholds = at}); };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const memory::Thresholds& at : {memory::Thresholds{.warn = 0.9, .high = 0.8}, memory::Thresholds{.warn = 0},
                                       memory::Thresholds{.high = 1.5}, memory::Thresholds{.warn = nan}})
    expect_error(ErrorCode::usage, "must rise", [&] { watched(at); });
  watched({.warn = 0.9, .high = 0.9});
}

TEST(Opening, AFleetsTextIsReadFromItsFolder) {
  Runtime runtime;
  const std::filesystem::path folder = std::filesystem::path(kModel).parent_path();
  const Host host =
      Host::of_text(runtime, "[[model]]\npath = \"mate-chat.gguf\"\ndevice = \"none\"\nctx-size = 512", folder);
  ASSERT_EQ(host.status().models.size(), 1U);
  EXPECT_EQ(host.status().models.front().name, "mate-chat");
  EXPECT_EQ(host.plan().models().size(), 1U);
  expect_error(ErrorCode::usage, "fleet:1:1", [&] { (void)Host::of_text(runtime, "pinned = true", folder); });
}

TEST(Opening, EventsTellHowTheLedgerCameAbout) {
  Runtime runtime;
  {
    const Model model = runtime.open(kModel, small());
  }
  const memory::EventRecord record = runtime.events();
  const auto has = [&](memory::EventKind kind) {
    return std::ranges::any_of(record.events, [&](const memory::Event& event) { return event.kind == kind; });
  };
  EXPECT_TRUE(has(memory::EventKind::reserved));
  EXPECT_TRUE(has(memory::EventKind::taken));
  EXPECT_TRUE(has(memory::EventKind::sealed));
  EXPECT_TRUE(has(memory::EventKind::released));
}

}  // namespace
}  // namespace plimsoll
