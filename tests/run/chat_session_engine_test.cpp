#include <gtest/gtest.h>

#include <fstream>

#include "run/chat_session.hpp"
#include "run/interactive_executor.hpp"

#include "expect_error.hpp"
#include "small_models.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::run {
namespace {

using test::expect_error;

enum class Kind { stateless, interactive, instruct };

// Answers each prompt on a sequence of its own, as an executor of a program's own may.
class StatelessExecutor final : public Executor {
 public:
  explicit StatelessExecutor(BatchedExecutor& executor) : executor_(executor) {}
  [[nodiscard]] std::unique_ptr<Generation> answer(const std::vector<engine::Token>& prompt,
                                                   GenerationParams params) override {
    params.prompt = prompt;
    return std::make_unique<Generation>(executor_.create(), std::move(params));
  }
  [[nodiscard]] std::unique_ptr<Generation> answer(std::span<const engine::PromptChunk> prompt, std::size_t,
                                                   GenerationParams params) override {
    Conversation conversation = executor_.create();
    conversation.replace(prompt, 0);
    return std::make_unique<Generation>(std::move(conversation), std::move(params));
  }
  [[nodiscard]] Conversation* conversation() override { return nullptr; }
  void restore(const SequenceSnapshot&) override { throw Error(ErrorCode::unsupported, "there is no conversation"); }
  [[nodiscard]] Instance& instance() override { return executor_.instance(); }
  [[nodiscard]] std::unique_ptr<HistoryTransform> history_transform() const override {
    return std::make_unique<TemplateTransform>(*executor_.instance().model());
  }

 private:
  BatchedExecutor& executor_;
};

class InstructExecutor final : public InteractiveExecutor {
 public:
  using InteractiveExecutor::InteractiveExecutor;
  [[nodiscard]] std::unique_ptr<HistoryTransform> history_transform() const override {
    return std::make_unique<InstructTransform>();
  }
};

std::unique_ptr<Executor> make(Kind kind, BatchedExecutor& executor) {
  switch (kind) {
    case Kind::stateless:
      return std::make_unique<StatelessExecutor>(executor);
    case Kind::interactive:
      return std::make_unique<InteractiveExecutor>(executor);
    case Kind::instruct:
      return std::make_unique<InstructExecutor>(executor);
  }
  return nullptr;
}

// The same three things hold over every executor.
class ChatSessionTest : public ::testing::TestWithParam<Kind> {
 protected:
  std::string ask(ChatSession& session, const std::string& text) { return session.say(text, greedy).read_all(); }
  // What a chat that begins with this history answers.
  std::string fresh_answer(ChatHistory history) {
    const auto other = make(GetParam(), *executor);
    ChatSession session(*other);
    for (engine::ChatMessage& message : history) session.add(std::move(message));
    return session.answer(greedy).read_all();
  }

  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance = test::ready(accounting, test::demo_request("mate-chat", 3));
  std::optional<BatchedExecutor> executor{std::in_place, *instance};
  std::unique_ptr<Executor> subject = make(GetParam(), *executor);
  GenerationParams greedy{.predict = 16, .sampling = {.temperature = 0}};
};

TEST_P(ChatSessionTest, EveryTurnAnswersTheWholeHistory) {
  ChatSession session(*subject, {.system = "You are the mate."});
  const std::string first = ask(session, "What is the wind?");
  const std::string second = ask(session, "Where is the ship?");
  ASSERT_EQ(session.history().size(), 5U);
  EXPECT_EQ(session.history()[2].content, first);
  ChatHistory before = session.history();
  before.pop_back();
  EXPECT_EQ(fresh_answer(before), second);
}

TEST_P(ChatSessionTest, MemoryFollowsAHistoryThatIsEdited) {
  ChatSession session(*subject);
  (void)ask(session, "What is the wind?");
  (void)ask(session, "Where is the ship?");
  session.replace(0, "Who are you?");
  session.remove_from(session.history().size() - 1);
  const ChatHistory edited = session.history();
  const std::string answer = session.answer(greedy).read_all();
  EXPECT_EQ(fresh_answer(edited), answer);
  EXPECT_TRUE(session.undo());
  EXPECT_EQ(session.history().size(), 2U);
  const std::string after = ask(session, "How is the crew?");
  ChatHistory before = session.history();
  before.pop_back();
  EXPECT_EQ(fresh_answer(before), after);
}

TEST_P(ChatSessionTest, RegeneratingDoesNotSeeTheAnswerItReplaces) {
  ChatSession session(*subject);
  const std::string first = ask(session, "What is the wind?");
  EXPECT_EQ(session.regenerate(greedy).read_all(), first);
  EXPECT_EQ(session.history().size(), 2U);
}

TEST_P(ChatSessionTest, ASavedSessionGoesOnAsIfItHadNotStopped) {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "chat.plimsoll";
  std::string next;
  {
    ChatSession session(*subject, {.system = "You are the mate."});
    (void)ask(session, "What is the wind?");
    session.save(file);
    next = ask(session, "Where is the ship?");
  }
  const auto other = make(GetParam(), *executor);
  ChatSession session(*other);
  session.load(file);
  ASSERT_EQ(session.history().size(), 3U);
  EXPECT_EQ(ask(session, "Where is the ship?"), next);
  EXPECT_EQ(session.stats().reused_tokens > 0, GetParam() != Kind::stateless);
}

TEST_P(ChatSessionTest, WhatIsLeftEarlyIsStillPartOfTheHistory) {
  ChatSession session(*subject);
  std::string heard;
  {
    ChatTurn turn = session.say("What is the wind?", greedy);
    expect_error(ErrorCode::usage, "on its way", [&] { (void)session.say("And now?", greedy); });
    for (const std::string& piece : pieces(turn)) {
      heard += piece;
      break;
    }
  }
  ASSERT_EQ(session.history().size(), 2U);
  EXPECT_EQ(session.history().back().content, heard);
}

INSTANTIATE_TEST_SUITE_P(Executors, ChatSessionTest,
                         ::testing::Values(Kind::stateless, Kind::interactive, Kind::instruct));

class InteractiveChatTest : public ChatSessionTest {};

TEST_P(InteractiveChatTest, OnlyWhatIsNewIsDecoded) {
  ChatSession session(*subject);
  (void)ask(session, "What is the wind?");
  const std::size_t before = session.stats().prompt_tokens;
  (void)ask(session, "Where is the ship?");
  EXPECT_GE(session.stats().reused_tokens, before);
}

TEST_P(InteractiveChatTest, TransformsChangeWhatGoesInAndWhatComesOut) {
  class Shout : public TextFilter {
   public:
    std::string push(std::string_view text) override {
      std::string out(text);
      for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      return out;
    }
    std::string finish() override { return "!"; }
  };
  ChatOptions options;
  options.input_transforms = {[](const std::string& text) { return text + "?"; },
                              [](const std::string& text) { return "Mate, " + text; }};
  options.output_filter = std::make_unique<Shout>();
  ChatSession session(*subject, std::move(options));
  const std::string said = ask(session, "what is the wind");
  EXPECT_EQ(session.history().front().content, "Mate, what is the wind?");
  EXPECT_TRUE(said.ends_with("!"));
  EXPECT_EQ(session.history().back().content, said);
}

TEST_P(InteractiveChatTest, AFullContextForgetsTheOldestExchangeOrSaysSo) {
  ChatSession strict(*subject, {.system = "You are the mate."});
  const auto fill = [&](ChatSession& session) {
    for (int i = 0; i < 12; ++i) (void)ask(session, "What is the wind today, mate, and where does the ship go next?");
  };
  expect_error(ErrorCode::context_overflow, "", [&] { fill(strict); });
  EXPECT_EQ(strict.history().back().role, "assistant");  // the question that did not fit was taken back
  ChatOptions options{.system = "You are the mate."};
  options.forget_oldest = true;
  subject = make(GetParam(), *executor);
  ChatSession forgetful(*subject, std::move(options));
  fill(forgetful);
  EXPECT_EQ(forgetful.history().size(), 25U);
  EXPECT_GT(forgetful.stats().forgotten, 0U);
}

TEST_P(InteractiveChatTest, ASamplerThatLastsGoesOnAfterItWasSaved) {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "chat.plimsoll";
  const auto lasting = [] {
    ChatOptions options;
    options.sampling = engine::SamplingParams{.seed = 11, .temperature = 1.5F, .penalty_repeat = 1.3F};
    return options;
  };
  std::string next;
  {
    ChatSession session(*subject, lasting());
    (void)ask(session, "What is the wind?");
    session.save(file);
    next = ask(session, "Where is the ship?");
  }
  subject = make(GetParam(), *executor);
  ChatSession session(*subject, lasting());
  session.load(file);
  EXPECT_EQ(ask(session, "Where is the ship?"), next);
}

TEST_P(InteractiveChatTest, MisuseIsNamed) {
  ChatSession session(*subject);
  expect_error(ErrorCode::usage, "nothing was asked", [&] { (void)session.regenerate(greedy); });
  expect_error(ErrorCode::usage, "nothing to answer", [&] { (void)session.answer(greedy); });
  expect_error(ErrorCode::usage, "no message", [&] { session.replace(3, "x"); });
  EXPECT_FALSE(session.undo());
  session.add({.role = "user", .content = "Hello", .extra = {}});
  expect_error(ErrorCode::usage, "in front", [&] { session.add({.role = "system", .content = "x", .extra = {}}); });
  session.set_system("You are the mate.");
  EXPECT_EQ(session.history().front().role, "system");
  session.clear();
  EXPECT_EQ(session.history().size(), 1U);
}

TEST_P(InteractiveChatTest, AnyOrderOfUserAndAssistantIsTaken) {
  ChatSession session(*subject);
  for (const char* role : {"assistant", "user", "user", "assistant", "user"})
    session.add({.role = role, .content = "Hello.", .extra = {}});
  EXPECT_EQ(session.history().size(), 5U);
}

TEST_P(InteractiveChatTest, ADamagedOrForeignFileChangesNothing) {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "chat.plimsoll";
  ChatSession session(*subject);
  (void)ask(session, "What is the wind?");
  session.save(file);
  std::string bytes;
  {
    std::ifstream in(file, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto write = [&](const std::string& content) { std::ofstream(file, std::ios::binary) << content; };
  const ChatHistory before = session.history();
  for (std::size_t i = 0; i <= 20; ++i) {
    write(bytes.substr(0, bytes.size() * i / 21));
    expect_error(ErrorCode::usage, "", [&] { session.load(file); });
    std::string flipped = bytes;
    flipped[(bytes.size() - 1) * i / 20] ^= 0x10;
    write(flipped);
    EXPECT_THROW(session.load(file), Error) << i;
  }
  expect_error(ErrorCode::io, "cannot be read", [&] { session.load(folder.path() / "absent"); });

  const auto bosun = test::ready(accounting, test::demo_request("bosun-log", 1));
  BatchedExecutor other(*bosun);
  InteractiveExecutor foreign(other);
  ChatOptions options;
  options.history_transform = std::make_unique<RoleNameTransform>();
  ChatSession elsewhere(foreign, std::move(options));
  write(bytes);
  expect_error(ErrorCode::usage, "another model", [&] { elsewhere.load(file); });
  EXPECT_TRUE(elsewhere.history().empty());

  ASSERT_EQ(session.history().size(), before.size());
  EXPECT_FALSE(ask(session, "Where is the ship?").empty());
}

TEST_P(InteractiveChatTest, AFileThatCannotBeWrittenIsNamedAndLeavesTheOldOne) {
  ChatSession session(*subject);
  (void)ask(session, "What is the wind?");
  expect_error(ErrorCode::io, "could not be written", [&] { session.save("/dev/full"); });
  expect_error(ErrorCode::io, "could not be written", [&] { session.save("/nowhere/at/all"); });
}

TEST_P(InteractiveChatTest, LoadsAlsoWhereEverySequenceIsTaken) {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "chat.plimsoll";
  ChatSession session(*subject);
  (void)ask(session, "What is the wind?");
  session.save(file);
  (void)ask(session, "Where is the ship?");
  const Conversation second = executor->create();
  const Conversation third = executor->create();
  session.load(file);
  EXPECT_EQ(session.history().size(), 2U);
  EXPECT_FALSE(ask(session, "Where is the ship?").empty());
}

INSTANTIATE_TEST_SUITE_P(Executors, InteractiveChatTest, ::testing::Values(Kind::interactive));

}  // namespace
}  // namespace plimsoll::run
