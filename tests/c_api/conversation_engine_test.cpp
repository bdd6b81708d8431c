// Conversations and chats through the C interface.
#include <nlohmann/json.hpp>

#include <algorithm>

#include "demo_runtime.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::test {
namespace {

using Json = nlohmann::json;

class CApiTalk : public CApi {
 protected:
  [[nodiscard]] plimsoll_conversation* conversation() const {
    plimsoll_conversation* out = nullptr;
    expect_ok(plimsoll_conversation_open(model, 0, nullptr, &out));
    return out;
  }
  [[nodiscard]] static std::string rest(plimsoll_generation* generation) {
    char* text = nullptr;
    expect_ok(plimsoll_generation_rest(generation, &text, nullptr));
    expect_ok(plimsoll_generation_close(generation));
    return taken(text);
  }
  [[nodiscard]] static std::string says(plimsoll_conversation* conversation, const char* text) {
    const plimsoll_generation_options options = greedy();
    plimsoll_generation* generation = nullptr;
    expect_ok(plimsoll_conversation_generate(conversation, text, -1, &options, &generation));
    return rest(generation);
  }
  [[nodiscard]] static std::uint64_t size_of(plimsoll_conversation* conversation) {
    std::uint64_t size = 0;
    expect_ok(plimsoll_conversation_size(conversation, &size, nullptr));
    return size;
  }
  [[nodiscard]] static std::string turn(plimsoll_chat* chat, const char* text) {
    const plimsoll_generation_options options = greedy();
    plimsoll_generation* generation = nullptr;
    expect_ok(plimsoll_chat_say(chat, text, -1, &options, &generation));
    return rest(generation);
  }
  [[nodiscard]] static Json history(plimsoll_chat* chat) {
    char* json = nullptr;
    expect_ok(plimsoll_chat_history_json(chat, &json));
    return Json::parse(taken(json));
  }
};

TEST_F(CApiTalk, AConversationGoesOn) {
  open();
  plimsoll_conversation* const talk = conversation();
  const std::string first = says(talk, "Day 12.");
  EXPECT_FALSE(first.empty());
  std::uint64_t capacity = 0;
  expect_ok(plimsoll_conversation_size(talk, nullptr, &capacity));
  EXPECT_EQ(capacity, 512U);
  char* text = nullptr;
  expect_ok(plimsoll_conversation_text(talk, 0, &text, nullptr));
  EXPECT_EQ(taken(text), "Day 12." + first);
  const std::string more = says(talk, nullptr);
  expect_ok(plimsoll_conversation_close(talk));
  const plimsoll_generation_options longer = greedy(24);
  EXPECT_EQ(first + more, answer("Day 12.", longer));
}

TEST_F(CApiTalk, ALoopOfOnesOwnChoosesFromLogits) {
  open();
  const std::string whole = answer("Day 12.", greedy());
  plimsoll_conversation* const talk = conversation();
  std::int32_t* prompt = nullptr;
  std::uint64_t count = 0;
  expect_ok(plimsoll_model_tokenize(model, "Day 12.", -1, 1, &prompt, &count));
  expect_ok(plimsoll_conversation_prompt_tokens(talk, prompt, count));
  std::vector<std::int32_t> chosen;
  for (int i = 0; i < 12; ++i) {
    expect_ok(plimsoll_conversation_infer(talk, nullptr));
    const float* logits = nullptr;
    std::uint64_t n = 0;
    expect_ok(plimsoll_conversation_logits(talk, &logits, &n));
    const auto token = static_cast<std::int32_t>(std::max_element(logits, logits + n) - logits);
    chosen.push_back(token);
    expect_ok(plimsoll_conversation_prompt_tokens(talk, &token, 1));
  }
  char* text = nullptr;
  expect_ok(plimsoll_model_text_of(model, chosen.data(), chosen.size(), 0, &text, nullptr));
  EXPECT_EQ(taken(text), whole);
  std::uint64_t reused = 0;
  expect_ok(plimsoll_conversation_replace(talk, prompt, count, &reused));
  EXPECT_EQ(reused, count - 1);
  EXPECT_EQ(size_of(talk), count);
  expect_ok(plimsoll_free(prompt));
  expect_ok(plimsoll_conversation_close(talk));
}

TEST_F(CApiTalk, WhatItForgetsIsGone) {
  open(2);
  plimsoll_conversation* const talk = conversation();
  const std::string first = says(talk, "Day 12.");
  const std::uint64_t size = size_of(talk);
  plimsoll_conversation* fork = nullptr;
  expect_ok(plimsoll_conversation_fork(talk, &fork));
  EXPECT_EQ(size_of(fork), size);
  expect_ok(plimsoll_conversation_rewind(fork, 4));
  EXPECT_EQ(size_of(fork), size - 4);
  expect_ok(plimsoll_conversation_forget(fork, 3, 1));
  EXPECT_EQ(size_of(fork), size - 7);
  expect_ok(plimsoll_conversation_clear(fork));
  EXPECT_EQ(size_of(fork), 0U);
  EXPECT_EQ(says(fork, "Day 12."), first);
  EXPECT_EQ(size_of(talk), size);
  plimsoll_conversation* third = nullptr;
  expect_code(PLIMSOLL_BUSY, "", plimsoll_conversation_fork(talk, &third));
  expect_code(PLIMSOLL_USAGE, "", plimsoll_conversation_rewind(talk, size + 1));
  expect_ok(plimsoll_conversation_close(talk));
  expect_ok(plimsoll_conversation_close(fork));
}

TEST_F(CApiTalk, ASavedOneGoesOnWhereItWas) {
  open();
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "talk").string();
  plimsoll_conversation* talk = conversation();
  (void)says(talk, "Day 12.");
  expect_ok(plimsoll_conversation_save(talk, path.c_str()));
  const std::string next = says(talk, nullptr);
  expect_ok(plimsoll_conversation_close(talk));
  expect_ok(plimsoll_conversation_load(model, path.c_str(), 0, nullptr, &talk));
  EXPECT_EQ(says(talk, nullptr), next);
  expect_code(PLIMSOLL_IO, "", plimsoll_conversation_save(talk, (folder.path() / "no/such/folder").c_str()));
  expect_ok(plimsoll_conversation_close(talk));
  expect_code(PLIMSOLL_IO, "absent", plimsoll_conversation_load(model, "absent", 0, nullptr, &talk));
}

TEST_F(CApiTalk, WhileItGeneratesItIsReadAndNotChanged) {
  open();
  plimsoll_conversation* const talk = conversation();
  const plimsoll_generation_options options = greedy();
  plimsoll_generation* generation = nullptr;
  expect_ok(plimsoll_conversation_generate(talk, "Day 12.", -1, &options, &generation));
  const char* piece = nullptr;
  expect_ok(plimsoll_generation_next(generation, &piece, nullptr));
  EXPECT_GT(size_of(talk), 0U);
  expect_code(PLIMSOLL_USAGE, "under way", plimsoll_conversation_clear(talk));
  plimsoll_generation* second = nullptr;
  expect_code(PLIMSOLL_USAGE, "under way", plimsoll_conversation_generate(talk, "x", -1, &options, &second));
  expect_ok(plimsoll_conversation_close(talk));  // its generation goes on
  EXPECT_FALSE(rest(generation).empty());
  expect_code(PLIMSOLL_USAGE, "this conversation was closed already", plimsoll_conversation_clear(talk));
}

TEST_F(CApiTalk, AChatKeepsItsHistory) {
  open();
  plimsoll_chat_options options;
  expect_ok(plimsoll_chat_options_init(&options, sizeof options));
  options.system = "You are the mate.";
  plimsoll_chat* chat = nullptr;
  expect_ok(plimsoll_chat_open(model, &options, &chat));
  const std::string first = turn(chat, "How is the wind?");
  const Json messages = history(chat);
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[0].at("role"), "system");
  EXPECT_EQ(messages[1].at("content"), "How is the wind?");
  EXPECT_EQ(messages[2].at("content"), first);

  const plimsoll_generation_options how = greedy();
  plimsoll_generation* again = nullptr;
  expect_ok(plimsoll_chat_regenerate(chat, &how, &again));
  EXPECT_EQ(rest(again), first);
  plimsoll_bool undone = 0;
  expect_ok(plimsoll_chat_undo(chat, &undone));
  EXPECT_EQ(undone, 1);
  EXPECT_EQ(history(chat).size(), 1U);
  expect_ok(plimsoll_chat_undo(chat, &undone));
  EXPECT_EQ(undone, 0);

  expect_ok(plimsoll_chat_add(chat, "user", "How is the wind? No more.", 16));
  expect_ok(plimsoll_chat_answer(chat, &how, &again));
  EXPECT_EQ(rest(again), first);
  expect_ok(plimsoll_chat_replace(chat, 2, "Fair.", -1));
  expect_ok(plimsoll_chat_set_system(chat, nullptr));
  EXPECT_EQ(history(chat).at(1).at("content"), "Fair.");
  expect_ok(plimsoll_chat_remove_from(chat, 1));
  EXPECT_EQ(history(chat).size(), 1U);
  expect_code(PLIMSOLL_USAGE, "", plimsoll_chat_replace(chat, 9, "x", -1));
  expect_code(PLIMSOLL_USAGE, "", plimsoll_chat_add(chat, "system", "late", -1));
  expect_ok(plimsoll_chat_clear(chat));
  EXPECT_TRUE(history(chat).empty());
  expect_ok(plimsoll_chat_close(chat));
  expect_code(PLIMSOLL_USAGE, "this chat was closed already", plimsoll_chat_clear(chat));
}

TEST_F(CApiTalk, AChatThatWasSavedGoesOn) {
  open();
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "chat").string();
  plimsoll_chat* chat = nullptr;
  expect_ok(plimsoll_chat_open(model, nullptr, &chat));
  (void)turn(chat, "How is the wind?");
  expect_ok(plimsoll_chat_save(chat, path.c_str()));
  const std::string second = turn(chat, "And the sea?");
  expect_ok(plimsoll_chat_load(chat, path.c_str()));
  EXPECT_EQ(history(chat).size(), 2U);
  EXPECT_EQ(turn(chat, "And the sea?"), second);
  expect_ok(plimsoll_chat_close(chat));
}

TEST_F(CApiTalk, ATurnThatIsClosedBeforeItsFirstPieceTakesItsMessageBack) {
  open();
  plimsoll_chat_options options;
  expect_ok(plimsoll_chat_options_init(&options, sizeof options));
  options.form = PLIMSOLL_FORM_ROLE_NAMES;
  plimsoll_chat* chat = nullptr;
  expect_ok(plimsoll_chat_open(model, &options, &chat));
  plimsoll_generation* generation = nullptr;
  expect_ok(plimsoll_chat_say(chat, "How is the wind?", -1, nullptr, &generation));
  EXPECT_EQ(history(chat).size(), 1U);
  expect_code(PLIMSOLL_USAGE, "", plimsoll_chat_clear(chat));
  expect_ok(plimsoll_generation_close(generation));
  EXPECT_TRUE(history(chat).empty());
  expect_ok(plimsoll_chat_close(chat));
  options.form = 3;
  expect_code(PLIMSOLL_USAGE, "there is no form 3", plimsoll_chat_open(model, &options, &chat));
}

}  // namespace
}  // namespace plimsoll::test
