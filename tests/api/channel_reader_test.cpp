#include "api/channel_reader.hpp"

#include <gtest/gtest.h>

#include "api/tool_calls.hpp"

#include "read_calls.hpp"
#include "tool_examples.hpp"

namespace plimsoll::api {
namespace {

ChannelReader::Read read(const std::vector<std::string>& pieces, bool inside) {
  ChannelReader reader(inside);
  ChannelReader::Read out;
  const auto add = [&](const ChannelReader::Read& more) {
    out.thoughts += more.thoughts;
    out.answer += more.answer;
  };
  for (const std::string& piece : pieces) add(reader.push(piece));
  add(reader.finish());
  return out;
}

// In pieces of every kind.
void expect_read(const std::string& text, const std::string& thoughts, const std::string& answer, bool inside = false) {
  const auto check = [&](const std::vector<std::string>& pieces) {
    const ChannelReader::Read got = read(pieces, inside);
    EXPECT_EQ(got.thoughts, thoughts) << text;
    EXPECT_EQ(got.answer, answer) << text;
  };
  check({text});
  check(test::letters(text));
  for (std::size_t i = 1; i < text.size(); ++i) check({text.substr(0, i), text.substr(i)});
}

TEST(ChannelReaderTest, ThoughtsAndAnswer) {
  expect_read("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Aye.<|return|>",
              "Hm.", "Aye.");
  expect_read("<|channel|>final<|message|>Aye. \n", "", "Aye. \n");
  expect_read("Aye <|end", "", "Aye <|end");
  expect_read(" Hm. <b>\n\nSo.", "Hm. <b>\n\nSo.", "", true);
  expect_read("Hm.<|end|><|start|>assistant<|channel|>final<|message|>Aye.", "Hm.", "Aye.", true);
  expect_read("<|channel|>anal", "", "");
  expect_read("<|channel|>analysis<|message|>Hm.<|end|><|start|>", "Hm.", "");
  expect_read(" to=func", "", "");
  expect_read("to", "", "to");
}

TEST(ChannelReaderTest, SeveralMessages) {
  expect_read(
      "<|channel|>analysis<|message|>A.<|end|><|start|>assistant<|channel|>commentary<|message|>I look.<|end|>"
      "<|start|>assistant<|channel|>analysis<|message|>B.<|end|><|start|>assistant<|channel|>final<|message|>Sun.",
      "A.\n\nB.", "I look.\n\nSun.");
  expect_read("<|channel|>analysis<|message|>A. <|start|>assistant<|channel|>final<|message|>B.", "A.", "B.");
}

TEST(ChannelReaderTest, CallsGoOnAsTheyAre) {
  const std::string thought = "<|channel|>analysis<|message|>Hm.<|end|>";
  const std::string call =
      R"(<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": "<|end|><|call|>"})";
  expect_read(thought + "<|start|>assistant" + call, "Hm.", call);
  expect_read(call, "", call);
  const std::string other =
      R"(<|start|>assistant to=functions.weather<|channel|>commentary json<|message|>{"city": "Ulm"})";
  expect_read(thought + other, "Hm.", other);
  const std::string first = R"( to=functions.weather<|channel|>commentary json<|message|>{"city": "Ulm"})";
  expect_read(first, "", first);
  expect_read(thought + "<|start|>assistant<|channel|>commentary to=functions.wea", "Hm.",
              "<|channel|>commentary to=functions.wea");  // cut
}

// Nothing of the headers is shown, wherever the text is cut.
TEST(ChannelReaderTest, ThenTheCallsAreRead) {
  const std::string text =
      "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary<|message|>I look.<|end|>"
      "<|start|>assistant<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{\"city\": \"Ulm\"}";
  for (std::size_t i = 1; i < text.size(); ++i) {
    ChannelReader channels(false);
    ToolCallReader calls(grammar::ToolForm::channels, test::two_tools());
    std::string shown;
    for (const std::string& piece : {text.substr(0, i), text.substr(i)})
      shown += calls.push(channels.push(piece).answer);
    shown += calls.push(channels.finish().answer) + calls.finish();
    EXPECT_EQ(shown, "I look.") << i;
    EXPECT_EQ(calls.take(), (std::vector{test::call("weather", R"({"city":"Ulm"})")})) << i;
  }
}

}  // namespace
}  // namespace plimsoll::api
