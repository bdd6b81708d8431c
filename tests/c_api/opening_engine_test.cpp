// Plans, verdicts, alternatives and opening through the C interface.
#include <nlohmann/json.hpp>

#include <array>
#include <cstring>
#include <map>
#include <stdexcept>
#include <vector>

#include "demo_runtime.hpp"
#include "handles.hpp"

namespace plimsoll::test {
namespace {

using Json = nlohmann::json;

plimsoll_runtime* with_budget(const char* budget) {
  plimsoll_runtime_options options;
  expect_ok(plimsoll_runtime_options_init(&options, sizeof options));
  options.budgets = &budget;
  options.n_budgets = 1;
  plimsoll_runtime* runtime = nullptr;
  expect_ok(plimsoll_runtime_open(&options, &runtime));
  return runtime;
}

Json status_of(plimsoll_runtime* runtime) {
  char* json = nullptr;
  expect_ok(plimsoll_runtime_status_json(runtime, &json));
  return Json::parse(taken(json));
}

// Charged bytes that models hold.
std::uint64_t taken_by_models(plimsoll_runtime* runtime) {
  std::uint64_t sum = 0;
  for (const Json& device : status_of(runtime).at("devices")) sum += device.at("taken").get<std::uint64_t>();
  return sum;
}

// What is the engine's own arithmetic: the runtime stage is estimated and measured. By stage and buffer.
std::map<std::string, std::uint64_t> exact(const Json& entries) {
  std::map<std::string, std::uint64_t> out;
  for (const Json& entry : entries) {
    const std::string stage = entry.at("stage");
    if (stage != "runtime")
      out[stage + " " + entry.at("buffer").get<std::string>()] += entry.at("bytes").get<std::uint64_t>();
  }
  return out;
}

TEST_F(CApi, TheProcessEnforces) {
  EXPECT_STREQ(plimsoll_tracker_mode(), "enforcing");
  EXPECT_STREQ(plimsoll_tracker_advice(), "");
  EXPECT_NE(std::string(plimsoll_version()).find('.'), std::string::npos);
  EXPECT_NE(std::string(plimsoll_engine_version()).find('.'), std::string::npos);
}

TEST_F(CApi, ASecondRuntimeIsRefusedUntilTheFirstIsClosed) {
  plimsoll_runtime* second = nullptr;
  expect_code(PLIMSOLL_USAGE, "one runtime at a time", plimsoll_runtime_open(nullptr, &second));
  EXPECT_EQ(second, nullptr);
  expect_ok(plimsoll_runtime_close(runtime));
  expect_ok(plimsoll_runtime_open(nullptr, &runtime));
}

TEST_F(CApi, AModelHoldsItsRuntime) {
  open();
  expect_ok(plimsoll_runtime_close(runtime));
  EXPECT_FALSE(answer("Day 12.", greedy()).empty());
  plimsoll_runtime* second = nullptr;
  expect_code(PLIMSOLL_USAGE, "one runtime at a time", plimsoll_runtime_open(nullptr, &second));
  expect_ok(plimsoll_model_close(model));
  model = nullptr;
  expect_ok(plimsoll_runtime_open(nullptr, &runtime));
}

TEST_F(CApi, APlanTakesNothingAndIsWhatIsTaken) {
  const plimsoll_model_options options = small_model();
  plimsoll_plan* plan = nullptr;
  const std::uint64_t before = taken_by_models(runtime);
  expect_ok(plimsoll_model_plan(runtime, kDemo.c_str(), &options, &plan));
  EXPECT_EQ(taken_by_models(runtime), before);
  expect_ok(plimsoll_plan_admit(plan));
  std::uint64_t count = 0;
  expect_ok(plimsoll_plan_n_alternatives(plan, &count));
  EXPECT_EQ(count, 0U);
  expect_ok(plimsoll_plan_n_devices(plan, &count));
  ASSERT_EQ(count, 1U);
  plimsoll_planned_device device{};
  device.size = sizeof device;
  expect_ok(plimsoll_plan_device(plan, 0, &device));
  EXPECT_STREQ(device.device, "CPU");
  EXPECT_EQ(device.short_by, 0U);
  expect_code(PLIMSOLL_USAGE, "there is no device 1", plimsoll_plan_device(plan, 1, &device));

  char* text = nullptr;
  expect_ok(plimsoll_plan_json(plan, &text));
  EXPECT_EQ(Json::parse(taken(text)).at("schema"), "plimsoll.plan/1");
  expect_ok(plimsoll_plan_table(plan, &text));
  EXPECT_NE(taken(text).find("mate-chat"), std::string::npos);

  expect_ok(plimsoll_model_open(runtime, kDemo.c_str(), &options, &model));
  plimsoll_model_info info{};
  info.size = sizeof info;
  expect_ok(plimsoll_model_info_get(model, &info));
  EXPECT_GT(info.taken, 0U);
  EXPECT_EQ(info.n_ctx, 512U);
  EXPECT_EQ(info.n_seq_max, 1U);
  EXPECT_EQ(info.refused_after_seal, 0U);
  expect_ok(plimsoll_model_json(model, &text));
  const Json json = Json::parse(taken(text));
  EXPECT_EQ(json.at("name"), "mate-chat");
  EXPECT_FALSE(exact(json.at("planned")).empty());
  EXPECT_EQ(exact(json.at("planned")), exact(json.at("taken")));
  expect_ok(plimsoll_plan_close(plan));
}

TEST_F(CApi, ARefusalIsAVerdictWithAlternativesThatOpen) {
  expect_ok(plimsoll_runtime_close(runtime));
  runtime = with_budget("CPU=24MiB");
  plimsoll_model_options options = small_model();
  options.n_ctx = 16384;
  plimsoll_plan* plan = nullptr;
  expect_ok(plimsoll_model_plan(runtime, kDemo.c_str(), &options, &plan));
  const SeenError verdict = seen(plimsoll_plan_admit(plan));
  EXPECT_EQ(verdict.code, PLIMSOLL_OVER_BUDGET);
  EXPECT_NE(verdict.message.find("it would fit with"), std::string::npos);
  EXPECT_GT(Json::parse(verdict.numbers).at("short_by"), 0);
  const SeenError opening = seen(plimsoll_model_open(runtime, kDemo.c_str(), &options, &model));
  EXPECT_EQ(opening.message, verdict.message);
  for (const char* const number :
       {"needed", "available", "short_by"})  // others' bytes change from one moment to the next
    EXPECT_EQ(Json::parse(opening.numbers).at(number), Json::parse(verdict.numbers).at(number)) << number;
  EXPECT_EQ(model, nullptr);

  std::uint64_t count = 0;
  expect_ok(plimsoll_plan_n_alternatives(plan, &count));
  ASSERT_GT(count, 0U);
  for (std::uint64_t i = 0; i < count; ++i) {
    const char* cost = nullptr;
    plimsoll_model_options smaller = options;
    expect_ok(plimsoll_plan_alternative(plan, i, &smaller.overrides, &cost));
    EXPECT_STRNE(cost, "");
    expect_ok(plimsoll_model_open(runtime, kDemo.c_str(), &smaller, &model));
    EXPECT_FALSE(answer("Day 12.", greedy()).empty());
    expect_ok(plimsoll_model_close(model));
    model = nullptr;
  }
  expect_ok(plimsoll_plan_close(plan));
}

TEST_F(CApi, SettingsAreThoseOfAFleetFileAndNumbersOverruleThem) {
  plimsoll_model_options options = small_model();
  options.settings = "device = \"none\"\nctx-size = 2048\nparallel = 2\ncache-type-k = \"q8_0\"";
  options.n_ctx = 1024;
  options.n_seq_max = PLIMSOLL_UNSET;
  expect_ok(plimsoll_model_open(runtime, kDemo.c_str(), &options, &model));
  plimsoll_model_info info{};
  info.size = sizeof info;
  expect_ok(plimsoll_model_info_get(model, &info));
  EXPECT_EQ(info.n_ctx, 1024U);
  EXPECT_EQ(info.n_seq_max, 2U);
}

TEST_F(CApi, OptionsThatMeanNothingAreNamed) {
  const auto expect_refused = [&](const std::string& words, const plimsoll_model_options& options) {
    plimsoll_plan* plan = nullptr;
    expect_code(PLIMSOLL_USAGE, words, plimsoll_model_plan(runtime, kDemo.c_str(), &options, &plan));
    EXPECT_EQ(plan, nullptr);
  };
  plimsoll_model_options options = small_model();
  options.settings = "ctx-sise = 1024";
  expect_refused("unknown key 'ctx-sise' of settings", options);
  options.settings = "ctx-size = \"many\"";
  expect_refused("'ctx-size' takes", options);
  options = small_model();
  options.overrides = "not toml at all [";
  expect_refused("", options);
  options = small_model();
  options.n_ctx = -2;
  expect_refused("'n_ctx' is -2", options);
  options = small_model();
  options.warm_up = 9;
  expect_refused("there is no warm-up 9", options);
  options = small_model();
  options.n_adapters = 1;
  expect_refused("there are 1 adapters at NULL", options);
  options = small_model();
  options.size = 8;
  expect_refused("no version of plimsoll_model_options has a size of 8", options);
  options = small_model();
  plimsoll_plan* plan = nullptr;
  expect_code(PLIMSOLL_USAGE, "the path is NULL", plimsoll_model_plan(runtime, nullptr, &options, &plan));
  expect_code(PLIMSOLL_MODEL_UNUSABLE, "absent.gguf", plimsoll_model_plan(runtime, "absent.gguf", &options, &plan));
}

TEST_F(CApi, BudgetsThatMeanNothingAreNamed) {
  expect_ok(plimsoll_runtime_close(runtime));
  runtime = nullptr;
  plimsoll_runtime_options options;
  expect_ok(plimsoll_runtime_options_init(&options, sizeof options));
  const std::array<const char*, 2> budgets{"CPU=1GiB", "CPU=much"};
  options.budgets = budgets.data();
  options.n_budgets = budgets.size();
  expect_code(PLIMSOLL_USAGE, "much", plimsoll_runtime_open(&options, &runtime));
  options.n_budgets = 1;
  options.reserved = 1;
  expect_code(PLIMSOLL_USAGE, "'reserved' of plimsoll_runtime_options is 1", plimsoll_runtime_open(&options, &runtime));
  EXPECT_EQ(runtime, nullptr);
}

struct Progress {
  std::vector<float> shares;
  std::int32_t answer = 0;
  bool throws = false;
  plimsoll_stop* to_close = nullptr;
};

std::int32_t told(void* data, float share) {
  auto& progress = *static_cast<Progress*>(data);
  progress.shares.push_back(share);
  if (progress.throws) throw std::runtime_error("mine");
  if (progress.to_close != nullptr) {
    expect_ok(plimsoll_stop_close(progress.to_close));
    progress.to_close = nullptr;
  }
  return progress.answer;
}

TEST_F(CApi, ProgressIsToldAndMayEndTheLoad) {
  Progress progress;
  plimsoll_model_options options = small_model();
  options.load_progress = &told;
  options.user_data = &progress;
  expect_ok(plimsoll_model_open(runtime, kDemo.c_str(), &options, &model));
  ASSERT_FALSE(progress.shares.empty());
  EXPECT_EQ(progress.shares.back(), 1.0F);
  expect_ok(plimsoll_model_close(model));
  model = nullptr;

  const std::uint64_t before = taken_by_models(runtime);
  progress = {.shares = {}, .answer = 1};
  expect_code(PLIMSOLL_CANCELLED, "", plimsoll_model_open(runtime, kDemo.c_str(), &options, &model));
  progress = {.shares = {}, .throws = true};
  expect_code(PLIMSOLL_CALLBACK_FAILED, "mine", plimsoll_model_open(runtime, kDemo.c_str(), &options, &model));
  EXPECT_EQ(model, nullptr);
  EXPECT_EQ(taken_by_models(runtime), before);
}

TEST_F(CApi, AStopMayBeClosedInTheCallbackThatItIsFor) {
  Progress progress;
  plimsoll_model_options options = small_model();
  expect_ok(plimsoll_stop_create(&options.stop));
  progress.to_close = options.stop;
  options.load_progress = &told;
  options.user_data = &progress;
  expect_ok(plimsoll_model_open(runtime, kDemo.c_str(), &options, &model));
  EXPECT_EQ(progress.to_close, nullptr);
}

TEST_F(CApi, AStopEndsOpening) {
  plimsoll_model_options options = small_model();
  expect_ok(plimsoll_stop_create(&options.stop));
  expect_ok(plimsoll_stop_request(options.stop));
  expect_code(PLIMSOLL_CANCELLED, "", plimsoll_model_open(runtime, kDemo.c_str(), &options, &model));
  expect_ok(plimsoll_stop_close(options.stop));
  expect_code(PLIMSOLL_USAGE, "this stop was closed already",
              plimsoll_model_open(runtime, kDemo.c_str(), &options, &model));
}

TEST_F(CApi, TokensBecomeTheTextThatTheyWere) {
  open();
  std::int32_t* tokens = nullptr;
  std::uint64_t count = 0;
  expect_ok(plimsoll_model_tokenize(model, "We hauled up.", -1, 0, &tokens, &count));
  ASSERT_GT(count, 0U);
  char* text = nullptr;
  std::uint64_t length = 0;
  expect_ok(plimsoll_model_text_of(model, tokens, count, 0, &text, &length));
  EXPECT_EQ(length, std::strlen(text));
  EXPECT_EQ(taken(text), "We hauled up.");
  expect_ok(plimsoll_free(tokens));
  expect_ok(plimsoll_model_tokenize(model, "We hauled up.", 2, 0, &tokens, &count));
  expect_ok(plimsoll_model_text_of(model, tokens, count, 0, &text, nullptr));
  EXPECT_EQ(taken(text), "We");
  for (const std::int32_t none : {-5, 1 << 30}) {
    tokens[0] = none;
    expect_code(PLIMSOLL_USAGE, "number 0 of the tokens is " + std::to_string(none),
                plimsoll_model_text_of(model, tokens, 1, 0, &text, nullptr));
    expect_code(PLIMSOLL_USAGE, "the vocabulary", plimsoll_model_text_of(model, tokens, 1, 0, &text, nullptr));
  }
  expect_ok(plimsoll_free(tokens));
}

TEST_F(CApi, EventsReplayTheLedger) {
  open();
  char* lines = nullptr;
  expect_ok(plimsoll_runtime_events_json(runtime, &lines));
  const std::string text = taken(lines);
  EXPECT_NE(text.find("\"sealed\""), std::string::npos);
  const Json first = Json::parse(text.substr(0, text.find('\n')));
  EXPECT_TRUE(first.is_object());
}

TEST_F(CApi, EveryHandleThatWasClosedIsRefusedEverywhere) {
  open();
  plimsoll_model* const closed = model;
  expect_ok(plimsoll_model_close(model));
  model = nullptr;
  plimsoll_generation* generation = nullptr;
  plimsoll_conversation* conversation = nullptr;
  plimsoll_chat* chat = nullptr;
  char* text = nullptr;
  expect_code(PLIMSOLL_USAGE, "this model was closed already",
              plimsoll_model_generate(closed, "x", -1, nullptr, &generation));
  expect_code(PLIMSOLL_USAGE, "this model was closed already",
              plimsoll_conversation_open(closed, 0, nullptr, &conversation));
  expect_code(PLIMSOLL_USAGE, "this model was closed already", plimsoll_chat_open(closed, nullptr, &chat));
  expect_code(PLIMSOLL_USAGE, "this model was closed already", plimsoll_model_json(closed, &text));
  expect_code(PLIMSOLL_USAGE, "this model was closed already", plimsoll_model_close(closed));
}

TEST_F(CApi, NothingIsLeftOfAModelThatWasClosed) {
  const std::uint64_t taken = taken_by_models(runtime);
  const std::size_t handles = c_api::handles().size();
  open();
  EXPECT_GT(taken_by_models(runtime), taken);
  expect_ok(plimsoll_model_close(model));
  model = nullptr;
  EXPECT_EQ(taken_by_models(runtime), taken);
  EXPECT_EQ(c_api::handles().size(), handles);
}

}  // namespace
}  // namespace plimsoll::test
