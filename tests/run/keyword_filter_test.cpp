#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <ctime>

#include "run/keyword_filter.hpp"

namespace plimsoll::run {
namespace {

std::string filtered(KeywordFilter filter, const std::vector<std::string>& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += filter.push(piece);
  return text + filter.finish();
}

TEST(KeywordFilterTest, TakesWordsOutAlsoAcrossPieces) {
  const KeywordFilter filter({"User:", "Assistant:"});
  EXPECT_EQ(filtered(filter, {"Hi. Us", "er", ": bye"}), "Hi.  bye");
  EXPECT_EQ(filtered(filter, {"User:", "Assistant:User:"}), "");
  EXPECT_EQ(filtered(filter, {"Use", "ful"}), "Useful");
  EXPECT_EQ(filtered(filter, {"User"}), "User");
}

TEST(KeywordFilterTest, ShowsAtOnceWhatNoWordCanHoldBack) {
  KeywordFilter filter({"stop"});
  EXPECT_EQ(filter.push("go on, st"), "go on, ");
  EXPECT_EQ(filter.push("a"), "sta");
  EXPECT_EQ(filter.push("sto"), "");
  EXPECT_EQ(filter.push("p!"), "!");
  EXPECT_EQ(filter.finish(), "");
}

TEST(KeywordFilterTest, OfTwoWordsTheLongerGoes) {
  const KeywordFilter filter({"<a", "<ab>"});
  EXPECT_EQ(filtered(filter, {"x<a", "b", ">y"}), "xy");
  EXPECT_EQ(filtered(filter, {"x<a", "b", "-y"}), "xb-y");
  EXPECT_EQ(filtered(KeywordFilter({"abcd", "bc"}), {"abc", "x"}), "ax");
}

TEST(KeywordFilterTest, TakesWholePiecesWhereItIsTold) {
  const KeywordFilter filter({"User:"}, KeywordFilter::Takes::pieces);
  EXPECT_EQ(filtered(filter, {"one ", "two Us", "er: three", " four"}), "one  four");
  EXPECT_EQ(filtered(filter, {"one ", "Us", "two"}), "one Ustwo");
  EXPECT_EQ(filtered(filter, {"a User: b"}), "");
}

TEST(KeywordFilterTest, WithoutWordsEverythingPasses) {
  EXPECT_EQ(filtered(KeywordFilter({""}), {"a", "", "b"}), "ab");
}

// Each word that was taken out moved all that follows it, and had every other word looked for from there on.
TEST(KeywordFilterTest, ALongTextAtOnceTakesAsLongAsInPieces) {
  std::string text;
  std::string rest;
  for (int i = 0; i < 1 << 19; ++i) {
    text += "ab";
    rest += 'b';
  }
  const std::clock_t before = std::clock();
  EXPECT_EQ(filtered(KeywordFilter({"a", "none of it"}), {text}), rest);
  EXPECT_EQ(filtered(KeywordFilter({"a", "none of it"}, KeywordFilter::Takes::pieces), {text}), "");
  EXPECT_LT((std::clock() - before) / CLOCKS_PER_SEC, 10);  // of a processor: a few milliseconds
}

RC_GTEST_PROP(KeywordFilterTest, HowTheTextIsCutMakesNoDifference, ()) {
  const auto letters = rc::gen::container<std::string>(rc::gen::element('a', 'b', 'c'));
  const auto words = *rc::gen::container<std::vector<std::string>>(letters);
  const auto pieces = *rc::gen::container<std::vector<std::string>>(letters);
  std::string whole;
  for (const std::string& piece : pieces) whole += piece;
  RC_ASSERT(filtered(KeywordFilter(words), pieces) == filtered(KeywordFilter(words), {whole}));
}

}  // namespace
}  // namespace plimsoll::run
