// Shared compute buffers that cannot be cleared before a context computes: its device is lost.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>

#include "run/batched_executor.hpp"
#include "run/open.hpp"

#include "conversation_model.hpp"
#include "decoding.hpp"
#include "small_models.hpp"

namespace plimsoll::run {
namespace {

class LostBuffersTest : public testing::Test {
 protected:
  LostBuffersTest() {
    const plan::Plan plan = test::plan_of(test::lively_request("llama-dense", 1));
    instance_ = std::make_unique<Instance>(accounting_, plan.models.front(), plan.devices, Sharing{.loop = &loop_});
    make_ready(*instance_, {.warm_up = {.depth = WarmUpDepth::quick}}, nullptr);
  }
  void compute_elsewhere() {
    loop_.run(loop_.join(), [] {});
  }

  std::atomic<bool> is_lost_ = false;
  DecodeLoop loop_{[this] {
    if (is_lost_) throw std::runtime_error("lost");
  }};
  MemoryAccounting accounting_;
  std::unique_ptr<Instance> instance_;
};

TEST_F(LostBuffersTest, AreToldToWhoWaitsForABatchAndTheModelHasFailed) {
  BatchedExecutor executor(*instance_);
  Conversation conversation = executor.create();
  conversation.prompt(test::some_tokens(8));
  compute_elsewhere();
  is_lost_ = true;
  EXPECT_THROW((void)conversation.infer(), std::runtime_error);
  EXPECT_TRUE(instance_->has_failed());
}  // all of it ends while they are lost

TEST_F(LostBuffersTest, AreToldToWhoComputesByItself) {
  compute_elsewhere();
  is_lost_ = true;
  EXPECT_THROW(instance_->on_loop([] {}), std::runtime_error);
  EXPECT_TRUE(instance_->has_failed());
}

}  // namespace
}  // namespace plimsoll::run
