// A model in a process of its own says what it says in this one, and goes on where that process dies.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>

#include "run/local_model.hpp"
#include "worker/limits.hpp"

#include "expect_error.hpp"
#include "lone_model.hpp"
#include "small_models.hpp"

namespace plimsoll::worker {
namespace {

using run::Conversation;
using run::Generation;
using run::GenerationParams;

class RemoteModelTest : public testing::Test {
 protected:
  static plan::Request request() { return test::demo_request("mate-chat", 4); }

  void open(const Limits& limits = {}) { lone.emplace(open_request(request()), worker_options(limits)); }
  // In whose process what has this token in its prompt goes wrong.
  void open_with_fault(const std::string& how, const Limits& limits = {}) {
    setenv("PLIMSOLL_TEST_WORKER_FAULT", (how + "@" + std::to_string(poison())).c_str(), 1);
    open(limits);
  }
  void TearDown() override { unsetenv("PLIMSOLL_TEST_WORKER_FAULT"); }  // every life of the process has it
  engine::Token poison() {
    if (!lone) open();
    return tokens("Nothing but §").back();
  }
  std::vector<engine::Token> tokens(const std::string& text) {
    return lone->model.vocabulary()->vocab().tokenize(text, true, true);
  }
  GenerationParams params(engine::SamplingParams sampling = {.temperature = 0},
                          const std::string& prompt = "Day 12. The wind is") {
    GenerationParams out{.prompt = tokens(prompt), .predict = 60, .sampling = std::move(sampling)};
    out.ignore_end_of_generation = true;
    return out;
  }
  std::string local(GenerationParams asked) {
    run::MemoryAccounting accounting;
    const auto instance = test::ready(accounting, test::demo_request("mate-chat", 4));
    run::BatchedExecutor executor(*instance);
    Generation generation(executor.create(), std::move(asked));
    return stream(generation);
  }
  std::string stream_of(GenerationParams asked) {
    Generation generation(lone->model.create(), std::move(asked));
    return stream(generation);
  }
  // Where a request with the fault in it is under way beside another one.
  void expect_crash(const std::string& how, const Limits& limits = {}) {
    open();
    const std::string expected = local(params());
    open_with_fault(how, limits);
    std::string innocent;
    std::jthread other([&] {
      try {
        Generation generation(lone->model.create(), params());
        innocent = stream(generation);
      } catch (const Error& error) {
        innocent = error.what();
      }
    });
    GenerationParams asked = params({.temperature = 0}, "Nothing but §");
    Generation generation(lone->model.create(), std::move(asked));
    test::expect_error(ErrorCode::model_crashed, "twice", [&] { (void)stream(generation); });
    other.join();
    EXPECT_EQ(innocent, expected) << how;
    EXPECT_EQ(lone->deaths, 2) << how;
    Generation after(lone->model.create(), params());
    EXPECT_EQ(stream(after), expected) << how;
  }

  std::optional<LoneModel> lone;
};

TEST_F(RemoteModelTest, ItSaysWhatItSaysInThisProcess) {
  open();
  for (const engine::SamplingParams& sampling :
       {engine::SamplingParams{.temperature = 0}, engine::SamplingParams{.seed = 7, .temperature = 1.5F}}) {
    Generation generation(lone->model.create(), params(sampling));
    const std::string text = stream(generation);
    EXPECT_EQ(generation.tokens().size(), 60U);
    EXPECT_EQ(text, local(params(sampling)));
  }
}

TEST_F(RemoteModelTest, AnswersGoOnWhereTheirProcessIsKilled) {
  open();
  const std::vector<engine::SamplingParams> samplings{
      {.temperature = 0}, {.seed = 7, .temperature = 1.2F}, {.seed = 8, .temperature = 1.2F}};
  std::vector<std::string> expected;
  for (const auto& sampling : samplings) expected.push_back(local(params(sampling)));
  std::vector<std::string> texts(samplings.size());
  std::atomic<std::size_t> begun = 0;
  std::vector<std::jthread> readers;
  for (std::size_t i = 0; i < samplings.size(); ++i) {
    readers.emplace_back([&, i] {
      Generation generation(lone->model.create(), params(samplings[i]));
      texts[i] = generation.next().value();
      ++begun;
      while (auto piece = generation.next()) texts[i] += *piece;
    });
  }
  while (begun < samplings.size()) std::this_thread::yield();
  kill(lone->process.pid(), SIGKILL);
  readers.clear();
  EXPECT_EQ(texts, expected);
  EXPECT_EQ(lone->deaths, 1);
  EXPECT_EQ(lone->process.restarts(), 1U);
}

TEST_F(RemoteModelTest, WhatWasSaidIsThereAfterADeath) {
  open();
  Conversation conversation = lone->model.create();
  {
    Generation generation(conversation, params());
    (void)stream(generation);
  }
  const std::vector<engine::Token> said = conversation.tokens();
  kill(lone->process.pid(), SIGKILL);
  EXPECT_EQ(conversation.save().tokens, said);
}

TEST_F(RemoteModelTest, ASavedConversationComesBackThroughSharedMemory) {
  open();
  Conversation conversation = lone->model.create();
  {
    Generation generation(conversation, params());
    (void)stream(generation);
  }
  const run::SequenceSnapshot saved = conversation.save();
  EXPECT_GT(saved.memory.size(), 0U);
  const Conversation again = lone->model.load(saved);
  EXPECT_EQ(again.tokens(), conversation.tokens());
  EXPECT_LE(again.waiting(), 1U);
}

TEST_F(RemoteModelTest, AConversationIsCopied) {
  open();
  Conversation one = lone->model.create();
  {
    Generation generation(one, params());
    (void)stream(generation);
  }
  Conversation other = lone->model.create();
  other.copy_from(one);
  EXPECT_EQ(other.tokens(), one.tokens());
}

TEST_F(RemoteModelTest, AnAnswerThatPausesGoesOn) {
  open();
  const std::string expected = local(params());
  Conversation conversation = lone->model.create();
  Generation generation(conversation, params());
  std::string text = generation.next().value();
  generation.pause();
  kill(lone->process.pid(), SIGKILL);
  generation.go_on({});
  while (auto piece = generation.next()) text += *piece;
  EXPECT_EQ(text, expected);
}

TEST_F(RemoteModelTest, AnAnswerThatFillsTheContextEndsThereWhateverDies) {
  open();
  GenerationParams asked = params();
  asked.prompt.resize(240, tokens(" sea").back());  // of 256
  asked.predict = -1;
  const std::string expected = local(asked);
  Conversation conversation = lone->model.create();
  Generation generation(conversation, asked);
  std::string text = generation.next().value();
  const auto is_told = [&] { return lone->model.tokens_generated() == 17; };  // the last one finds no place
  while (!is_told()) std::this_thread::yield();
  kill(lone->process.pid(), SIGKILL);
  while (auto piece = generation.next()) text += *piece;
  EXPECT_EQ(text, expected);
  EXPECT_EQ(generation.finish_reason(), run::FinishReason::length);
  EXPECT_EQ(generation.tokens().size(), 17U);
  EXPECT_EQ(conversation.size(), 256U);
  kill(lone->process.pid(), SIGKILL);
  std::vector<engine::Token> other = conversation.tokens();
  other.back() = other.front();
  EXPECT_NO_THROW((void)conversation.replace(other));
}

TEST_F(RemoteModelTest, TheModelsOwnEndStaysInTheConversation) {
  open();
  GenerationParams asked =
      params({.temperature = 0}, "<|im_start|>user\nWho is the captain?<|im_end|>\n<|im_start|>assistant\n");
  asked.ignore_end_of_generation = false;
  asked.keep_end_token = true;
  asked.predict = 200;
  Conversation conversation = lone->model.create();
  std::size_t said = 0;
  {
    Generation generation(conversation, asked);
    (void)stream(generation);
    ASSERT_EQ(generation.finish_reason(), run::FinishReason::end_of_generation);
    said = generation.tokens().size();
  }
  EXPECT_EQ(conversation.size(), asked.prompt.size() + said + 1);
  EXPECT_TRUE(conversation.vocabulary().vocab().is_end_of_generation(conversation.tokens().back()));
}

TEST_F(RemoteModelTest, NothingIsForgottenInTheOtherProcessAlone) {
  open();
  for (const auto strategy : {run::ContextOverflow::shift, run::ContextOverflow::reprefill}) {
    GenerationParams asked = params();
    asked.overflow.strategy = strategy;
    Conversation conversation = lone->model.create();
    test::expect_error(ErrorCode::unsupported, "forgets nothing", [&] { Generation generation(conversation, asked); });
  }
}

// Two sequences share 256 cells, and one that nobody uses any more has most of them.
class SharedCacheTest : public RemoteModelTest {
 protected:
  void open_shared() {
    plan::Request request = test::demo_request("mate-chat", 2);
    request.dry_run.context.n_ctx = 256;
    request.dry_run.context.kv_unified = true;
    lone.emplace(open_request(request), worker_options());
    idle.emplace(lone->model.create());
    GenerationParams asked = params({.temperature = 0}, "Day 3.");
    asked.prompt.resize(150, tokens(" sea").back());
    asked.predict = 1;
    Generation generation(*idle, asked);
    (void)stream(generation);
  }
  Generation long_one() {
    GenerationParams asked = params();
    asked.prompt.resize(150, tokens(" wind").back());
    return Generation(lone->model.create(), asked);
  }
  std::optional<Conversation> idle;
};

TEST_F(SharedCacheTest, AFullOneAsksTheHostForRoom) {
  open_shared();
  std::size_t asked = 0;
  run::SequenceSnapshot saved;
  lone->model.on_full_cache([&] {
    ++asked;
    if (!idle) return false;
    saved = idle->save();
    idle.reset();
    return true;
  });
  Generation generation = long_one();
  (void)stream(generation);
  EXPECT_EQ(generation.tokens().size(), 60U);
  EXPECT_EQ(asked, 1U);
  EXPECT_EQ(saved.decoded, 151U) << "prompt and answer";
  EXPECT_GT(saved.memory.size(), 0U);
}

TEST_F(SharedCacheTest, WhereTheHostHasNoneToGiveItIsToldSo) {
  open_shared();
  std::size_t asked = 0;
  lone->model.on_full_cache([&] {
    ++asked;
    return false;
  });
  Generation generation = long_one();
  test::expect_error(ErrorCode::busy, "", [&] { (void)stream(generation); });
  EXPECT_GT(asked, 0U);
}

TEST_F(SharedCacheTest, AnAnswerGoesOnInANewProcessWithItsShareOfTheCache) {
  open_shared();
  lone->model.on_full_cache([&] {
    const bool was_there = idle.has_value();
    idle.reset();
    return was_there;
  });
  Generation generation = long_one();
  std::string text = generation.next().value();
  kill(lone->process.pid(), SIGKILL);
  while (auto piece = generation.next()) text += *piece;
  EXPECT_EQ(generation.tokens().size(), 60U);
}

// However long who hears of the prompt takes for it: what follows that prompt is copied before its answer ends.
TEST_F(RemoteModelTest, NothingIsToldBeforeThePromptIs) {
  open();
  for (const bool pauses : {false, true}) {
    std::atomic<bool> is_told = false;
    std::promise<void> goes_on;
    GenerationParams asked = params();
    asked.predict = 4;
    asked.prompt_decoded = [&, waits = goes_on.get_future().share()] {
      waits.wait();
      is_told = true;
    };
    const std::uint64_t before = lone->model.tokens_generated();
    Conversation conversation = lone->model.create();
    Generation generation(conversation, asked);
    while (lone->model.tokens_generated() < before + 4) EXPECT_EQ(generation.poll(), "");
    goes_on.set_value();
    if (pauses) {
      generation.pause();
      EXPECT_TRUE(is_told);
      generation.go_on();
    }
    ASSERT_TRUE(generation.next());
    EXPECT_TRUE(is_told);
    while (generation.next()) {
    }
    EXPECT_EQ(generation.tokens().size(), 4U);
  }
}

TEST_F(RemoteModelTest, AllSequencesCanBeTakenAgainAtOnce) {
  open();
  for (int i = 0; i < 5; ++i) {
    std::vector<Conversation> all;
    for (int j = 0; j < 4; ++j) all.push_back(lone->model.create());
    EXPECT_EQ(lone->model.free_sequences(), 0U);
    test::expect_error(ErrorCode::busy, "all 4 sequences", [&] { (void)lone->model.create(); });
    for (Conversation& one : all) (void)one.replace(tokens("Day 12."));
  }
  EXPECT_EQ(lone->model.free_sequences(), 4U);
}

TEST_F(RemoteModelTest, ARequestThatAbortsTwiceIsNotTriedAgain) { expect_crash("abort"); }
TEST_F(RemoteModelTest, ARequestThatFaultsTwiceIsNotTriedAgain) { expect_crash("segv"); }
TEST_F(RemoteModelTest, ARequestThatNeverComesBackIsADeath) {
  expect_crash("loop", {.most_decode_time = std::chrono::seconds(5)});
}
TEST_F(RemoteModelTest, ARequestThatTakesAllMemoryIsADeath) {
  expect_crash("alloc", {.most_host_memory = Bytes{std::uint64_t{1} << 30U}});
}

TEST_F(RemoteModelTest, AProcessThatDiesTooOftenIsGivenUpWithItsLastWords) {
  WorkerOptions options = worker_options();
  options.most_deaths = 2;
  lone.emplace(open_request(request()), options);
  for (int death = 1; death <= 2; ++death) {
    const auto life = lone->process.life();
    kill(lone->process.pid(), SIGABRT);
    (void)lone->process.last_words_of(life);
  }
  test::expect_error(ErrorCode::engine_failed, "has died 2 times",
                     [&] { (void)lone->model.create().replace(tokens("Day 12.")); });
  EXPECT_TRUE(lone->model.has_failed());
  EXPECT_NE(lone->process.last_words().find("Aborted"), std::string::npos) << lone->process.last_words();
}

TEST_F(RemoteModelTest, NoLifeIsBegunWhereSomethingIsInItsWay) {
  std::atomic<int> asked = 0;
  WorkerOptions hindered = options();
  hindered.most_deaths = 2;  // one attempt too many, and it were given up
  hindered.patience = std::chrono::hours(1);
  hindered.hindrance = [&] { return ++asked < 5 ? "the other machine is away" : ""; };
  lone.emplace(request(), hindered);
  const std::string expected = stream_of(params());
  kill(lone->process.pid(), SIGABRT);
  EXPECT_EQ(stream_of(params()), expected);  // it waits
  EXPECT_GE(asked, 5);
  EXPECT_EQ(lone->deaths, 1);
  EXPECT_EQ(lone->process.restarts(), 1U);
}

TEST_F(RemoteModelTest, WhatIsInItsWayForLongIsSaid) {
  WorkerOptions hindered = options();
  hindered.patience = std::chrono::milliseconds(0);
  hindered.hindrance = [] { return "the other machine is away"; };
  lone.emplace(request(), hindered);
  kill(lone->process.pid(), SIGABRT);
  test::expect_error(ErrorCode::io, "the other machine is away",
                     [&] { (void)lone->model.create().replace(tokens("Day 12.")); });
  EXPECT_TRUE(lone->model.has_failed());
  EXPECT_EQ(lone->process.restarts(), 0U);
}

TEST_F(RemoteModelTest, AFileThatCannotBeLoadedIsSaidAsInThisProcess) {
  OpenRequest asked = open_request(request());
  asked.plan.request.model.path = "no-such-model.gguf";
  RpcLoop loop;
  struct Nobody final : WorkerObserver {
    void died(const Life&, const Death&) override {}
    void make_again(const std::shared_ptr<Life>&) override {}
    void is_back() override {}
    void gives_up(const Error&) override {}
    void gave_up(const Error&) override {}
  } nobody;
  WorkerProcess process(loop, worker_options(), nobody);
  process.start();
  RemoteModel model(loop, process, asked, nullptr);
  test::expect_error(ErrorCode::model_unusable, "no-such-model.gguf", [&] { model.load(); });
}

TEST_F(RemoteModelTest, NoDescriptorAndNoProcessStays) {
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  open();
  lone.reset();
  const auto before = descriptors();
  for (int i = 0; i < 3; ++i) {
    open();
    const pid_t pid = lone->process.pid();
    kill(pid, SIGKILL);
    {
      Generation generation(lone->model.create(), params());
      (void)stream(generation);
    }
    const pid_t second = lone->process.pid();
    lone.reset();
    EXPECT_EQ(kill(pid, 0), -1);
    EXPECT_EQ(kill(second, 0), -1) << "it has been waited for";
  }
  EXPECT_EQ(descriptors(), before);
}

}  // namespace
}  // namespace plimsoll::worker
