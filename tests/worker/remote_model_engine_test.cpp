// A model in a process of its own says what it says in this one, and goes on where that process dies.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <mutex>
#include <thread>

#include "run/local_model.hpp"
#include "worker/limits.hpp"
#include "worker/remote_model.hpp"

#include "expect_error.hpp"
#include "small_models.hpp"

namespace plimsoll::worker {
namespace {

using run::Conversation;
using run::Generation;
using run::GenerationParams;

// One model in its process, as a host has it.
class Lone final : private WorkerObserver {
  std::mutex mutex_;
  bool is_closed_ = false;

 public:
  Lone(OpenRequest request, WorkerOptions options)
      : process(loop, std::move(options), *this), model(loop, process, request, header_of(request)) {
    model.on_close([this](RemoteModel*) { return leave(); });
    process.start();
    model.load();
  }
  ~Lone() noexcept override {}  // the RPC library's objects may throw in theirs

  RpcLoop loop;
  std::atomic<int> deaths = 0;
  std::atomic<bool> is_given_up = false;
  WorkerProcess process;
  RemoteModel model;

 private:
  static std::shared_ptr<engine::Model> header_of(const OpenRequest& request) {
    engine::ModelParams params = request.plan.request.model;
    params.devices = {"none"};
    return engine::Model::load(params, {.vocab_only = true});
  }
  // Waits while the supervisor is at work with the model: it ends before the process does.
  bool leave() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    return false;
  }
  void died(const Life& life, const Death& death) override {
    ++deaths;
    const std::lock_guard lock(mutex_);
    if (!is_closed_) model.note_death(life, death.by_itself);
  }
  void make_again(const std::shared_ptr<Life>& life) override {
    const std::lock_guard lock(mutex_);
    if (is_closed_) return;
    model.load_again(life);
    model.go_on(true);
    model.go_on(false);
  }
  void is_back() override {
    const std::lock_guard lock(mutex_);
    if (!is_closed_) model.go_on(false);
  }
  void gives_up(const Error&) override {}
  void gave_up(const Error& why) override {
    is_given_up = true;
    const std::lock_guard lock(mutex_);
    if (!is_closed_) model.fail_all(why);
  }
};

class RemoteModelTest : public testing::Test {
 protected:
  static OpenRequest request() {
    const plan::Plan plan = test::plan_of(test::demo_request("mate-chat", 4));
    return {.plan = plan.models.front(), .devices = plan.devices, .warm_up = run::WarmUpDepth::quick};
  }
  static WorkerOptions options(const Limits& limits = {}) {
    WorkerOptions out{.program = {PLIMSOLL_BINARY_DIR "/bin/plimsoll", "model-worker"}, .name = "test"};
    out.program.append_range(arguments_of(limits));
    return out;
  }

  void open(const Limits& limits = {}) { lone.emplace(request(), options(limits)); }
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

  std::optional<Lone> lone;
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
  lone.emplace(request(), [] {
    WorkerOptions out = options();
    out.most_deaths = 2;
    return out;
  }());
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
  OpenRequest asked = request();
  asked.plan.request.model.path = "no-such-model.gguf";
  RpcLoop loop;
  struct Nobody final : WorkerObserver {
    void died(const Life&, const Death&) override {}
    void make_again(const std::shared_ptr<Life>&) override {}
    void is_back() override {}
    void gives_up(const Error&) override {}
    void gave_up(const Error&) override {}
  } nobody;
  WorkerProcess process(loop, options(), nobody);
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
