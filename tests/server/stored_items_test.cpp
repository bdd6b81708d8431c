#include "stored_items.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/problem.hpp"

namespace plimsoll::server {
namespace {

using api::Json;

Json item(const std::string& id, const std::string& text = "aye") {
  return {{"id", id}, {"type", "message"}, {"role", "assistant"}, {"content", text}};
}
Json asking(const std::string& id) {
  return {{"input", Json::array({{{"role", "user"}, {"content", "Who?"}}, {{"type", "item_reference"}, {"id", id}}})}};
}

class StoredItemsTest : public ::testing::Test {
 protected:
  [[nodiscard]] static Json found(const StoredItems& items, const std::string& owner, const std::string& id) {
    Json body = asking(id);
    items.complete(owner, body);
    return body["input"][1];
  }
  [[nodiscard]] static bool has(const StoredItems& items, const std::string& owner, const std::string& id) {
    return found(items, owner, id)["type"] == "message";
  }
  [[nodiscard]] Bytes charged() const {
    Bytes sum;
    for (const memory::Entry& entry : ledger.entries()) {
      if (entry.tag.owner == StoredItems::kOwner) sum += entry.taken.current;
    }
    return sum;
  }
  memory::Ledger ledger;
};

TEST_F(StoredItemsTest, AReferenceBecomesTheItemForItsOwnerAlone) {
  StoredItems items(ledger);
  items.keep("anna", "resp_1", "Who?", Json::array({item("msg_1", "Rose commands.")}));
  EXPECT_EQ(found(items, "anna", "msg_1"), item("msg_1", "Rose commands."));
  EXPECT_FALSE(has(items, "bert", "msg_1"));
  EXPECT_FALSE(has(items, "anna", "msg_2"));
  EXPECT_GT(charged(), Bytes{});
}

TEST_F(StoredItemsTest, OtherInputIsLeftAsItIs) {
  StoredItems items(ledger);
  items.keep("", "resp_1", "Who?", Json::array({item("msg_1")}));
  for (const char* text : {R"({"input": "msg_1"})", R"({})", R"({"input": [1, null, "x", {"type": "item_reference"}]})",
                           R"({"input": [{"type": "item_reference", "id": 7}, {"type": 3, "id": "msg_1"}]})"}) {
    Json body = Json::parse(text);
    items.complete("", body);
    EXPECT_EQ(body, Json::parse(text));
  }
}

TEST_F(StoredItemsTest, AnAnswerIsGoneOnFromWithAllThatCameBeforeIt) {
  StoredItems items(ledger);
  items.keep("anna", "resp_1", "Who?", Json::array({item("msg_1", "Rose.")}));
  Json body{{"previous_response_id", "resp_1"}, {"input", "Where?"}};
  items.complete("anna", body);
  EXPECT_EQ(body["input"], Json::array({{{"role", "user"}, {"content", "Who?"}},
                                        item("msg_1", "Rose."),
                                        {{"role", "user"}, {"content", "Where?"}}}));
  items.keep("anna", "resp_2", body["input"], Json::array({item("msg_2", "At sea.")}));
  Json third{{"previous_response_id", "resp_2"},
             {"input", Json::array({{{"type", "item_reference"}, {"id", "msg_1"}}})}};
  items.complete("anna", third);
  EXPECT_EQ(third["input"].size(), 5U);
  EXPECT_EQ(third["input"][4], item("msg_1", "Rose."));

  const auto refused = [&](const char* owner, const char* id) {
    Json stranger{{"previous_response_id", id}, {"input", "Where?"}};
    try {
      items.complete(owner, stranger);
    } catch (const api::Problem& problem) {
      return problem.status() == 400 && problem.code() == "previous_response_not_found" &&
             problem.field() == "previous_response_id";
    }
    return false;
  };
  EXPECT_TRUE(refused("bert", "resp_1"));
  EXPECT_TRUE(refused("anna", "resp_7"));
  EXPECT_TRUE(refused("anna", "msg_1"));  // an item is no answer
}

TEST_F(StoredItemsTest, AnAnswerIsGivenAgainUntilItIsRemoved) {
  StoredItems items(ledger);
  const Json whole{{"id", "resp_1"}, {"output", Json::array({item("msg_1")})}};
  items.keep("anna", "resp_1", "Who?", whole["output"], whole);
  items.keep("anna", "resp_2", "Who?", Json::array({item("msg_2")}), {{"id", "resp_2"}});
  EXPECT_EQ(items.answer("anna", "resp_1"), whole);
  EXPECT_EQ(items.answer("bert", "resp_1"), std::nullopt);
  EXPECT_EQ(items.answer("anna", "msg_1"), std::nullopt);
  EXPECT_FALSE(items.remove("bert", "resp_1"));
  EXPECT_TRUE(items.remove("anna", "resp_1"));
  EXPECT_FALSE(items.remove("anna", "resp_1"));
  EXPECT_EQ(items.answer("anna", "resp_1"), std::nullopt);
  EXPECT_FALSE(has(items, "anna", "msg_1"));
  EXPECT_TRUE(has(items, "anna", "msg_2"));
  items.forget("bert");
  EXPECT_TRUE(has(items, "anna", "msg_2"));
  items.forget("anna");
  EXPECT_FALSE(has(items, "anna", "msg_2"));
  EXPECT_EQ(charged(), Bytes{});
}

TEST_F(StoredItemsTest, TheOldestMakeWay) {
  StoredItems items(ledger, 4_KiB);
  for (int i = 0; i < 10; ++i)
    items.keep("", fmt::format("resp_{}", i), "", Json::array({item(std::to_string(i), std::string(500, 'x'))}));
  EXPECT_FALSE(has(items, "", "0"));
  EXPECT_FALSE(has(items, "", "6"));
  EXPECT_TRUE(has(items, "", "8"));
  EXPECT_TRUE(has(items, "", "9"));
  items.keep("", "resp_huge", "", Json::array({item("huge", std::string(5000, 'x'))}));
  EXPECT_FALSE(has(items, "", "huge"));  // it alone is more than is kept
  EXPECT_TRUE(has(items, "", "9"));      // and nobody else's makes way for it
}

// A reference has 40 bytes, and stands in a body as often as one likes.
TEST_F(StoredItemsTest, WhatIsReferredToIsBoundedAndCharged) {
  StoredItems items(ledger, 100_KiB);
  items.keep("", "resp_1", "", Json::array({item("msg_1", std::string(10'000, 'x'))}));
  Json body{{"input", Json::array()}};
  for (int i = 0; i < 5; ++i) body["input"].push_back({{"type", "item_reference"}, {"id", "msg_1"}});
  Bytes told;
  const auto charge = [&](Bytes text) { told += text; };
  Json few = body;
  items.complete("", few, charge);
  EXPECT_EQ(few["input"][4], item("msg_1", std::string(10'000, 'x')));
  EXPECT_GE(told, Bytes{50'000});
  for (int i = 0; i < 100'000; ++i) body["input"].push_back({{"type", "item_reference"}, {"id", "msg_1"}});
  told = {};
  try {
    items.complete("", body, charge);
    ADD_FAILURE() << "a gigabyte was made";
  } catch (const api::Problem& problem) {
    EXPECT_EQ(problem.status(), 413);
    EXPECT_EQ(problem.field(), "input");
  }
  EXPECT_LE(told, 100_KiB);
}

TEST_F(StoredItemsTest, AnAnswerThatGoesOnIsChargedWithAllBeforeIt) {
  StoredItems items(ledger);
  items.keep("", "resp_1", std::string(10'000, 'x'), Json::array({item("msg_1")}));
  Json body{{"previous_response_id", "resp_1"}, {"input", "Where?"}};
  Bytes told;
  items.complete("", body, [&](Bytes text) { told += text; });
  EXPECT_GE(told, Bytes{10'000});
}

TEST_F(StoredItemsTest, AnEmptyNameIsNoAnswers) {
  StoredItems items(ledger);
  Json body{{"previous_response_id", ""}, {"input", "Where?"}};
  items.complete("", body, {});
  EXPECT_EQ(body["input"], "Where?");
}

TEST_F(StoredItemsTest, WhereTheBudgetIsShortNothingIsKept) {
  ledger.set_budget(device::host(), 100_KiB);
  StoredItems items(ledger);
  for (int i = 0; i < 4; ++i)
    items.keep("", fmt::format("resp_{}", i), "", Json::array({item(std::to_string(i), std::string(15'000, 'x'))}));
  EXPECT_TRUE(has(items, "", "3"));
  EXPECT_FALSE(has(items, "", "0"));
  EXPECT_LE(charged(), 100_KiB);
}

}  // namespace
}  // namespace plimsoll::server
