#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "run/text_stream.hpp"

namespace plimsoll::run {
namespace {

// Everything a stream shows for text that arrives in pieces of the given lengths.
std::string shown(TextStream stream, std::string text, const std::vector<std::uint8_t>& lengths) {
  std::string out;
  for (const std::uint8_t length : lengths) {
    out += stream.push(text.substr(0, length));
    text.erase(0, length);
  }
  out += stream.push(text);
  return out + stream.finish();
}

TEST(TextStreamTest, HoldsBackHalfACharacter) {
  TextStream stream;
  EXPECT_EQ(stream.push("a\xC3"), "a");
  EXPECT_EQ(stream.push("\xA9"), "\xC3\xA9");
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStreamTest, ReplacesACharacterThatNeverEnds) {
  TextStream stream;
  EXPECT_EQ(stream.push("x\xE2\x82"), "x");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD");
}

TEST(TextStreamTest, EndsBeforeAStopStringThatCameInPieces) {
  TextStream stream({"STOP"});
  EXPECT_EQ(stream.push("go ST"), "go ");
  EXPECT_EQ(stream.push("OP and on"), "");
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(stream.push("more"), "");
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStreamTest, ShowsWhatOnlyLookedLikeAStopString) {
  TextStream stream({"STOP"});
  EXPECT_EQ(stream.push("ST"), "");
  EXPECT_EQ(stream.push("AY"), "STAY");
}

TEST(TextStreamTest, TheEarliestOfSeveralStopStringsCounts) {
  TextStream stream({"two", "one"});
  EXPECT_EQ(stream.push("zero one two"), "zero ");
}

RC_GTEST_PROP(TextStreamTest, HowTheTextIsCutDoesNotMatter, (const std::vector<std::uint8_t>& lengths)) {
  const auto letters = rc::gen::container<std::string>(rc::gen::element('a', 'b'));
  const std::string text = *letters;
  const std::string stop = *rc::gen::nonEmpty(letters);
  const std::size_t at = text.find(stop);
  RC_ASSERT(shown(TextStream({stop}), text, lengths) == text.substr(0, at));
}

RC_GTEST_PROP(TextStreamTest, WholeUtf8ComesThroughUnchanged, (const std::vector<std::uint8_t>& lengths)) {
  const auto characters = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x9A\xA2"));
  std::string text;
  for (const std::string& character : characters) text += character;
  RC_ASSERT(shown(TextStream(), text, lengths) == text);
}

}  // namespace
}  // namespace plimsoll::run
