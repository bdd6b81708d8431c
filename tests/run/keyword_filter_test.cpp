#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

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
