// A batched executor on a small model, for tests.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

#include "run/batched_executor.hpp"

#include "conversation_model.hpp"
#include "decoding.hpp"
#include "small_models.hpp"

namespace plimsoll::run {

class BatchedExecutorTest : public ::testing::Test {
 protected:
  void open(const std::string& model, std::uint32_t sequences, bool unified = false, std::uint32_t outputs = 0) {
    plan::Request request = test::lively_request(model, sequences);
    request.dry_run.context.kv_unified = unified;
    request.dry_run.context.n_outputs_max = outputs;
    open(request);
  }
  void open(const plan::Request& request) {
    executor.reset();
    instance = test::ready(accounting, request);
    executor.emplace(*instance);
  }

  Conversation prompted(const std::vector<engine::Token>& tokens) {
    Conversation conversation = executor->create();
    conversation.prompt(tokens);
    return conversation;
  }

  void expect_fresh(Conversation& conversation) {
    test::FreshEvaluation fresh(*instance);
    EXPECT_LE(test::largest_difference(conversation.logits(), fresh.logits(conversation.tokens())),
              test::kLogitTolerance);
  }

  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance;
  std::optional<BatchedExecutor> executor;
};

}  // namespace plimsoll::run
