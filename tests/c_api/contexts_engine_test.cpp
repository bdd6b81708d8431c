// Further contexts on a model's weights through the C interface.
#include "demo_runtime.hpp"

namespace plimsoll::test {
namespace {

TEST_F(CApi, AFurtherContextHasTheWeightsAndAMemoryOfItsOwn) {
  open();
  plimsoll_context_options options;
  expect_ok(plimsoll_context_options_init(&options, sizeof options));
  options.n_ctx = 256;
  options.settings = "batch-size = 64\n";
  options.warm_up = PLIMSOLL_WARM_UP_QUICK;
  options.name = "second";
  plimsoll_plan* plan = nullptr;
  expect_ok(plimsoll_model_plan_context(model, &options, &plan));
  expect_ok(plimsoll_plan_admit(plan));
  expect_ok(plimsoll_plan_close(plan));

  plimsoll_model* second = nullptr;
  expect_ok(plimsoll_model_open_context(model, &options, &second));
  plimsoll_model_info info{};
  info.size = sizeof info;
  expect_ok(plimsoll_model_info_get(second, &info));
  EXPECT_EQ(info.n_ctx, 256U);
  const std::string said = answer("Day 12.", greedy());
  expect_ok(plimsoll_model_close(model));  // the weights stay
  model = second;
  EXPECT_EQ(answer("Day 12.", greedy()), said);

  options.settings = "no-such-key = 1\n";
  plimsoll_model* third = nullptr;
  expect_code(PLIMSOLL_USAGE, "no-such-key", plimsoll_model_open_context(model, &options, &third));
  options.settings = "gpu-layers = 0\n";
  expect_code(PLIMSOLL_USAGE, "of the model's weights", plimsoll_model_open_context(model, &options, &third));
  EXPECT_EQ(third, nullptr);
}

}  // namespace
}  // namespace plimsoll::test
