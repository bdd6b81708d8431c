// The thread rules that the classes state: what may be done from several threads at once, done from several threads at
// once. Worth most under the thread sanitizer; without it, answers must still be those of one thread alone.
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "run/chat_session.hpp"
#include "run/interactive_executor.hpp"

#include "conversation_model.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"
#include "small_models.hpp"

namespace plimsoll::run {
namespace {

using engine::DecodeStatus;
using test::some_tokens;

constexpr int kThreads = 4;

// Runs the same work for every number, all at the same moment; what it gives in their order.
template <class Work>
auto at_once(Work work) {
  std::vector<decltype(work(0))> results(kThreads);
  std::latch start(kThreads);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        start.arrive_and_wait();
        results[static_cast<std::size_t>(i)] = work(i);
      });
    }
  }
  return results;
}

template <class Work>
auto one_by_one(Work work) {
  std::vector<decltype(work(0))> results;
  for (int i = 0; i < kThreads; ++i) results.push_back(work(i));
  return results;
}

class ThreadRules : public testing::Test {
 protected:
  void open(const plan::Request& request) {
    executor.reset();
    instance = test::ready(accounting, request);
    executor.emplace(*instance);
  }
  std::vector<engine::Token> go_on(Conversation& conversation, int count) {
    engine::Sampler likeliest(*instance->model(), {.temperature = 0});
    std::vector<engine::Token> said;
    for (int i = 0; i < count; ++i) {
      EXPECT_EQ(conversation.infer(), DecodeStatus::ok);
      said.push_back(conversation.sample(likeliest));
      conversation.prompt(said.back());
    }
    return said;
  }

  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance;
  std::optional<BatchedExecutor> executor;
  GenerationParams greedy{.predict = 12, .sampling = {.temperature = 0}};
};

// Everything a conversation can do, each thread with its own, forks and restored ones among them.
TEST_F(ThreadRules, DifferentConversationsOfOneExecutor) {
  for (const bool unified : {false, true}) {
    plan::Request request = test::lively_request("llama-dense", 2 * kThreads);
    request.dry_run.context.kv_unified = unified;
    open(request);
    const auto life = [&](int which) {
      Conversation one = executor->create();
      one.prompt(some_tokens(25 + static_cast<std::size_t>(which), which + 1));
      std::vector<engine::Token> said = go_on(one, 4);
      const auto add = [&](const std::vector<engine::Token>& more) {
        said.insert(said.end(), more.begin(), more.end());
      };
      {
        Conversation other = one.fork();
        other.prompt(some_tokens(3, which + 7));
        add(go_on(other, 3));
      }
      EXPECT_EQ(one.infer(), DecodeStatus::ok);
      const SequenceSnapshot saved = one.save();
      one.rewind(6);
      one.refresh();
      add(go_on(one, 3));
      one.clear();
      Conversation again = executor->load(saved);
      again.refresh();
      add(go_on(again, 3));
      return said;
    };
    const auto alone = one_by_one(life);
    EXPECT_EQ(at_once(life), alone) << (unified ? "unified" : "apart");
    EXPECT_EQ(executor->free_sequences(), 2U * kThreads);
    EXPECT_EQ(instance->seal_counts().refused_after_seal, 0U);
  }
}

// The executor's own calls beside its conversations'.
TEST_F(ThreadRules, TheExecutorBesideItsConversations) {
  open(test::lively_request("llama-dense", kThreads + 1));
  const auto answer = [&](int which) {
    Conversation one = executor->create();
    one.prompt(some_tokens(20, which + 1));
    return go_on(one, 12);
  };
  const auto alone = one_by_one(answer);
  std::atomic<bool> done = false;
  int snapshots = 0;
  std::vector<std::vector<engine::Token>> together;
  {
    const std::jthread asks([&] {
      while (!done) {
        EXPECT_LE(executor->free_sequences(), static_cast<std::size_t>(kThreads + 1));
        EXPECT_EQ(executor->infer(), DecodeStatus::ok);
        const SequenceSnapshot saved = executor->create().save();
        EXPECT_EQ(saved.tokens.size(), saved.positions.size());
        ++snapshots;
        std::this_thread::yield();
      }
    });
    together = at_once(answer);
    done = true;
  }
  EXPECT_EQ(together, alone);
  EXPECT_GT(snapshots, 0);
}

// More callers than sequences: who gets one is answered as if alone, the others are told so.
TEST_F(ThreadRules, CallersBeyondTheSequencesAreToldBusy) {
  open(test::demo_request("bosun-log", 2));
  const auto ask = [&](int which) {
    GenerationParams params = greedy;
    params.prompt = tokenize_prompt(*instance->model(), "Day " + std::to_string(12 + which) + ".");
    Generation generation(executor->create(), params);
    return stream(generation);
  };
  const auto alone = one_by_one(ask);
  std::atomic<int> busy = 0;
  const auto together = at_once([&](int which) {
    for (;;) {
      try {
        return ask(which);
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::busy) << error.what();
        ++busy;
        std::this_thread::yield();
      }
    }
  });
  EXPECT_EQ(together, alone);
  EXPECT_EQ(executor->free_sequences(), 2U);
}

// A session is one thread's; several of them share an executor.
TEST_F(ThreadRules, SessionsOfTheirOwnThreadsOverOneExecutor) {
  open(test::demo_request("mate-chat", kThreads));
  const auto talk = [&](int which) {
    InteractiveExecutor interactive(*executor);
    ChatSession session(interactive, {.system = "You are the mate of ship " + std::to_string(which) + "."});
    std::string all = session.say("What is the wind?", greedy).read_all() + "|";
    all += session.say("Where is the ship?", greedy).read_all() + "|";
    all += session.regenerate(greedy).read_all() + "|";
    EXPECT_TRUE(session.undo());
    all += session.say("Which day is it?", greedy).read_all();
    EXPECT_EQ(session.history().size(), 5U);
    return all;
  };
  const auto alone = one_by_one(talk);
  EXPECT_EQ(at_once(talk), alone);
  EXPECT_EQ(executor->free_sequences(), static_cast<std::size_t>(kThreads));
}

// One thread stops another's prompt; the conversation is right afterwards.
TEST_F(ThreadRules, AStopComesFromAnyThread) {
  open(test::lively_request("llama-dense", kThreads));
  const auto prompt = [&](int which) {
    Conversation one = executor->create();
    one.prompt(some_tokens(200, which + 1));
    std::stop_source stop;
    const std::jthread stopper([&] { stop.request_stop(); });
    for (DecodeStatus status = one.infer(stop.get_token()); status != DecodeStatus::ok; status = one.infer())
      EXPECT_EQ(status, DecodeStatus::aborted);
    const auto logits = one.logits();
    return std::vector<float>(logits.begin(), logits.end());
  };
  const auto together = at_once(prompt);
  test::FreshEvaluation fresh(*instance);
  for (int i = 0; i < kThreads; ++i) {
    EXPECT_LE(test::largest_difference(together[static_cast<std::size_t>(i)], fresh.logits(some_tokens(200, i + 1))),
              test::kLogitTolerance);
  }
}

}  // namespace
}  // namespace plimsoll::run
