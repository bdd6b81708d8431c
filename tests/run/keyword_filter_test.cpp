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

// Whether a word has begun was asked at each place of the text, and compared from there on.
TEST(KeywordFilterTest, ALongWordIsLookedForInOnePass) {
  constexpr std::size_t kLong = 1 << 21;
  const KeywordFilter filter({std::string(kLong, 'a') + 'b'});
  const std::string text = std::string(kLong - 1, 'a') + 'c';
  const std::clock_t before = std::clock();
  EXPECT_EQ(filtered(filter, {text}), text);
  EXPECT_EQ(filtered(filter, {std::string(kLong - 1, 'a'), "a", "ab", "c"}), "ac");
  EXPECT_LT((std::clock() - before) / CLOCKS_PER_SEC, 10);  // of a processor: some milliseconds
}

TEST(KeywordFilterTest, BeginsAnewWhenItHasFinished) {
  KeywordFilter filter({"stop"});
  EXPECT_EQ(filter.push("st"), "");
  EXPECT_EQ(filter.finish(), "st");
  EXPECT_EQ(filter.push("op stop!"), "op !");
  EXPECT_EQ(filter.finish(), "");
}

// Against the plain way: the first word that is there, the longest of those, again and again.
std::string without_words(std::string text, const std::vector<std::string>& words) {
  std::string shown;
  while (true) {
    std::size_t at = std::string::npos;
    std::size_t size = 0;
    for (const std::string& word : words) {
      const std::size_t found = word.empty() ? std::string::npos : text.find(word);
      if (found < at || (found == at && found != std::string::npos && word.size() > size)) {
        at = found;
        size = word.size();
      }
    }
    if (at == std::string::npos) return shown + text;
    shown += text.substr(0, at);
    text.erase(0, at + size);
  }
}

RC_GTEST_PROP(KeywordFilterTest, TakesWhatThePlainWayTakes, ()) {
  const auto letters = rc::gen::container<std::string>(rc::gen::element('a', 'b'));
  const auto words = *rc::gen::container<std::vector<std::string>>(letters);
  const auto pieces = *rc::gen::container<std::vector<std::string>>(letters);
  std::string whole;
  for (const std::string& piece : pieces) whole += piece;
  RC_ASSERT(filtered(KeywordFilter(words), pieces) == without_words(whole, words));
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
