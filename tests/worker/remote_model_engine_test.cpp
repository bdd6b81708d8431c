// A model in a process of its own says what it says in this one, and goes on where that process dies.
#include <gtest/gtest.h>

#include <csignal>
#include <future>
#include <stdexcept>
#include <thread>

#include "worker/limits.hpp"

#include "expect_error.hpp"
#include "remote_model_fixture.hpp"

namespace plimsoll::worker {
namespace {

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

// Not only an answer: what is done to a sequence may end its process as well.
TEST_F(RemoteModelTest, WhatASequenceIsGivenIsNotTriedAThirdTime) {
  open();
  const std::string expected = local(params());
  open_with_fault("taken");
  const std::vector<engine::Token> bad = tokens("Nothing but §");
  Conversation conversation = lone->model.create();
  conversation.prompt(tokens("Day 12."));
  test::expect_error(ErrorCode::model_crashed, "twice", [&] { conversation.prompt(bad); });
  EXPECT_EQ(lone->deaths, 2);
  EXPECT_EQ(conversation.tokens(), tokens("Day 12."));
  EXPECT_EQ(stream_of(params()), expected);
  Conversation another = lone->model.create();  // it is made with what it is given first
  test::expect_error(ErrorCode::model_crashed, "twice", [&] { (void)another.replace(bad); });
  EXPECT_EQ(lone->deaths, 4);
  EXPECT_FALSE(lone->is_given_up);
  EXPECT_TRUE(another.tokens().empty());
  EXPECT_EQ(conversation.replace(tokens("Day 13.")), 0U);
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

// Its conversation is given back while the process still computes in it.
TEST_F(RemoteModelTest, AnAnswerLeftBeforeWhatHadComeIsReadEndsNoOtherLife) {
  open();
  const std::string expected = local(params());
  for (int i = 0; i < 4; ++i) {
    {
      const std::uint64_t before = lone->model.tokens_generated();
      Conversation conversation = lone->model.create();
      Generation generation(conversation, params());
      (void)generation.next();
      while (lone->model.tokens_generated() < before + 4) std::this_thread::yield();
      const auto life = lone->process.life();
      kill(lone->process.pid(), SIGKILL);
      (void)lone->process.last_words_of(life);
      (void)lone->process.life();  // it has begun again, behind what had come
    }
    EXPECT_EQ(stream_of(params()), expected);
  }
  EXPECT_EQ(lone->deaths, 4);
}

TEST_F(RemoteModelTest, WhatACallbackLetsOutIsItsReadersAndEndsNothing) {
  open();
  const std::string expected = local(params());
  for (const bool of_progress : {true, false}) {
    std::atomic<bool> throws = true;
    const auto callback = [&] {
      if (throws.exchange(false)) throw std::runtime_error("of a callback");
    };
    GenerationParams asked = params();
    if (of_progress)
      asked.prompt_progress = [&](std::size_t, std::size_t) { callback(); };
    else
      asked.prompt_decoded = callback;
    Conversation conversation = lone->model.create();
    {
      Generation generation(conversation, asked);
      try {
        (void)generation.next();
        ADD_FAILURE() << "nothing was thrown";
      } catch (const std::exception& error) {
        EXPECT_STREQ(error.what(), "of a callback");
      }
      EXPECT_EQ(stream(generation), expected);
    }
    EXPECT_EQ(conversation.size(), asked.prompt.size() + 60);
    EXPECT_EQ(lone->deaths, 0);
  }
}

TEST_F(RemoteModelTest, InsideAProgressNothingCanBeAskedOfAModel) {
  open();
  GenerationParams asked = params();
  std::atomic<int> refused = 0;
  asked.prompt_progress = [&](std::size_t, std::size_t) {
    test::expect_error(ErrorCode::usage, "prompt_progress",
                       [&] { (void)lone->model.create().replace(tokens("Day 12.")); });
    ++refused;
  };
  EXPECT_EQ(stream_of(asked), local(params()));
  EXPECT_GT(refused, 0);
}

// The next process would be waited for, and begins on the thread that waits.
TEST_F(RemoteModelTest, NorIsAProcessWaitedForInsideAProgress) {
  open();
  GenerationParams asked = params();
  std::atomic<bool> has_killed = false;
  asked.prompt_progress = [&](std::size_t, std::size_t) {
    if (has_killed.exchange(true)) return;
    (void)lone->process.kill();
    while (lone->process.life_at_once() != nullptr) std::this_thread::yield();
    test::expect_error(ErrorCode::usage, "prompt_progress",
                       [&] { (void)lone->model.create().replace(tokens("Day 12.")); });
  };
  EXPECT_EQ(stream_of(asked), local(params()));
  EXPECT_TRUE(has_killed);
  EXPECT_EQ(lone->deaths, 1);
}

TEST_F(RemoteModelTest, WhoReadsOnBehindACrashHearsOfItAgain) {
  open_with_fault("abort");
  Generation generation(lone->model.create(), params({.temperature = 0}, "Nothing but §"));
  for (int i = 0; i < 2; ++i) test::expect_error(ErrorCode::model_crashed, "twice", [&] { (void)generation.next(); });
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

// Every life of the process has the fault that begins while it is in the environment.
TEST_F(RemoteModelTest, AProcessThatHangsWhileItLoadsAgainIsEnded) {
  WorkerOptions options = worker_options();
  options.most_deaths = 0;
  options.most_silence = std::chrono::seconds(2);
  lone.emplace(open_request(request()), options);
  const std::string expected = stream_of(params());
  setenv("PLIMSOLL_TEST_WORKER_FAULT", "hang@0", 1);
  ASSERT_TRUE(lone->process.kill());
  while (lone->process.restarts() < 1) std::this_thread::yield();
  unsetenv("PLIMSOLL_TEST_WORKER_FAULT");
  EXPECT_EQ(stream_of(params()), expected);  // it waits
  EXPECT_GE(lone->deaths, 2);
}

TEST_F(RemoteModelTest, NoLifeIsBegunWhereSomethingIsInItsWay) {
  std::atomic<int> asked = 0;
  WorkerOptions hindered = worker_options();
  hindered.most_deaths = 2;  // one attempt too many, and it were given up
  hindered.patience = std::chrono::hours(1);
  hindered.hindrance = [&] { return ++asked < 5 ? "the other machine is away" : ""; };
  lone.emplace(open_request(request()), hindered);
  const std::string expected = stream_of(params());
  kill(lone->process.pid(), SIGABRT);
  EXPECT_EQ(stream_of(params()), expected);  // it waits
  EXPECT_GE(asked, 5);
  EXPECT_EQ(lone->deaths, 1);
  EXPECT_EQ(lone->process.restarts(), 1U);
}

TEST_F(RemoteModelTest, ALoadThatWaitsForALifeCanBeStopped) {
  WorkerOptions hindered = worker_options();
  hindered.patience = std::chrono::hours(1);
  hindered.hindrance = [] { return "the other machine is away"; };
  lone.emplace(open_request(request()), hindered);
  ASSERT_TRUE(lone->process.kill());
  while (lone->deaths == 0) std::this_thread::yield();
  RemoteModel second(lone->loop, lone->process, open_request(request()), lone->model.vocabulary());
  std::stop_source stop;
  const std::jthread stopper([&] { stop.request_stop(); });
  test::expect_error(ErrorCode::cancelled, "stopped", [&] { second.load(stop.get_token()); });
}

// It stands in the list of its process before it is loaded. Whoever loads it waits for the life that is being made.
TEST_F(RemoteModelTest, WhatIsNotLoadedYetIsNotLoadedAgain) {
  open();
  RemoteModel second(lone->loop, lone->process, open_request(request()), lone->model.vocabulary());
  second.load_again(lone->process.life());
  EXPECT_EQ(second.open_at_once(), nullptr);
}

TEST_F(RemoteModelTest, WhatIsInItsWayForLongIsSaid) {
  WorkerOptions hindered = worker_options();
  hindered.patience = std::chrono::milliseconds(0);
  hindered.hindrance = [] { return "the other machine is away"; };
  lone.emplace(open_request(request()), hindered);
  kill(lone->process.pid(), SIGABRT);
  test::expect_error(ErrorCode::io, "the other machine is away",
                     [&] { (void)lone->model.create().replace(tokens("Day 12.")); });
  EXPECT_TRUE(lone->model.has_failed());
  EXPECT_EQ(lone->process.restarts(), 0U);
}

}  // namespace
}  // namespace plimsoll::worker
