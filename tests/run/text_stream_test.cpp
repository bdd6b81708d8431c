#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <ctime>

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

// Each byte was compared with half a megabyte, which took minutes of a processor.
TEST(TextStreamTest, ALongStopStringThatNearlyComesCostsNoMoreThanAnother) {
  constexpr std::size_t kSize = 1 << 20;
  const std::string beginning(kSize, 'a');
  TextStream stream({beginning + "b", "never"});
  const std::clock_t begun = std::clock();
  std::size_t shown = 0;
  for (std::size_t piece = 0; piece < 4 * kSize / 512; ++piece) shown += stream.push(std::string(512, 'a')).size();
  EXPECT_EQ(shown, 3 * kSize);
  EXPECT_EQ(stream.push("c" + beginning).size(), kSize + 1);
  EXPECT_EQ(stream.push("bc"), "");
  EXPECT_EQ(stream.stopped_by(), beginning + "b");
  EXPECT_LT(static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC, 20);
}

RC_GTEST_PROP(TextStreamTest, SeveralStopStringsInSmallPieces, ()) {
  const auto letters = rc::gen::container<std::string>(rc::gen::element('a', 'b'));
  const std::string text = *letters;
  const auto stops = *rc::gen::container<std::vector<std::string>>(rc::gen::nonEmpty(letters));
  std::size_t end = std::string::npos;  // of the one that is whole first
  std::string by;
  for (const std::string& stop : stops) {
    const std::size_t at = text.find(stop);
    if (at == std::string::npos) continue;
    if (at + stop.size() > end || (at + stop.size() == end && stop.size() <= by.size())) continue;
    end = at + stop.size();
    by = stop;
  }
  TextStream stream(stops);
  std::string out;
  for (const char letter : text) out += stream.push(std::string(1, letter));
  out += stream.finish();
  RC_ASSERT(out == text.substr(0, by.empty() ? text.size() : end - by.size()));
  RC_ASSERT(stream.stopped_by() == by);
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
