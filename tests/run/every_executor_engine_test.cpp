// Every executor, one after the other, on one sealed context that was set up for all of them: none takes any memory.
#include <gtest/gtest.h>

#include "run/chat_session.hpp"
#include "run/embedder.hpp"
#include "run/interactive_executor.hpp"
#include "tracker/hook.hpp"

#include "expect_error.hpp"
#include "small_models.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::run {
namespace {

using engine::DecodeStatus;

const GenerationParams kGreedy{.predict = 12, .sampling = {.temperature = 0}};

void use_conversations(BatchedExecutor& executor) {
  Conversation one = executor.create();
  one.prompt("Day 12. Wind from the north, the sea is calm and the crew is well.");
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  Conversation other = one.fork();
  other.prompt(" The captain");
  ASSERT_EQ(executor.infer(), DecodeStatus::ok);
  one.rewind(3);
  one.refresh();
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  ASSERT_TRUE(other.shift_left(4, 2));
  other.prompt_all_logits(std::vector<engine::Token>{5, 6, 7, 8});
  ASSERT_EQ(other.infer(), DecodeStatus::ok);
  Conversation loaded = executor.load(other.save());
  loaded.reprefill_without(2, 1);
  ASSERT_EQ(loaded.infer(), DecodeStatus::ok);
}

void use_executors(BatchedExecutor& executor) {
  InteractiveExecutor interactive(executor);
  for (const char* text : {"Day 12.", "Day 12. Day 13."}) {
    const auto generation = interactive.answer(tokenize_prompt(*executor.instance().model(), text), kGreedy);
    EXPECT_FALSE(stream(*generation).empty());
  }
}

void use_chat(BatchedExecutor& executor) {
  const test::TemporaryFolder folder;
  InteractiveExecutor interactive(executor);
  ChatSession chat(interactive, {.system = "You are the mate."});
  (void)chat.say("What is the wind?", kGreedy).read_all();
  chat.save(folder.path() / "chat");
  (void)chat.regenerate(kGreedy).read_all();
  chat.load(folder.path() / "chat");
  GenerationParams json = kGreedy;
  json.sampling.grammar = "root ::= \"yes\" | \"no\"";
  EXPECT_FALSE(chat.say("Is it calm?", json).read_all().empty());
}

TEST(EveryExecutorTest, TakesNothingOnASealedContext) {
  MemoryAccounting accounting;
  plan::Request request = test::demo_request("mate-chat", 4);
  request.dry_run.context.kv_unified = true;
  plan_for_embeddings(request.dry_run, engine::Pooling::none);  // gives logits as well
  const auto instance = test::ready(accounting, request);
  plan::Request draft_request = request;
  draft_request.name = "draft";
  const auto draft = test::ready(accounting, draft_request);
  ASSERT_EQ(tracker::mode(), tracker::Mode::enforcing);
  const std::uint64_t before = hook::counters().allocations;
  Embedder embedder(*instance);
  {
    BatchedExecutor executor(*instance);
    test::expect_error(ErrorCode::busy, "another executor", [&] { (void)embedder.embed("Day 12."); });
    use_conversations(executor);
    use_executors(executor);
    use_chat(executor);
    BatchedExecutor draft_executor(*draft);
    Conversation target = executor.create();
    Conversation proposals = draft_executor.create();
    GenerationParams params = kGreedy;
    params.prompt = instance->model()->vocab().tokenize("Day 12.", true, true);
    params.draft = {.conversation = &proposals};
    Generation generation(target, params);
    while (generation.next()) {
    }
  }
  EXPECT_EQ(embedder.embed("Day 12.").rows(), instance->model()->vocab().tokenize("Day 12.", true, true).size());
  EXPECT_EQ(hook::counters().allocations - before, 0U);
  for (const Instance* one : {instance.get(), draft.get()}) {
    EXPECT_EQ(one->seal_counts().allocations_after_seal, 0U);
    EXPECT_EQ(one->seal_counts().refused_after_seal, 0U);
    EXPECT_EQ(one->graph_reallocations(), 0);
  }
}

}  // namespace
}  // namespace plimsoll::run
