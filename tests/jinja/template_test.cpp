// What the table of cases (cases_test.cpp) does not hold: sentences, and values at the edge.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "../fuzz/feed_template.hpp"
#include "rendered.hpp"

namespace plimsoll::jinja {
namespace {

using test::refusal;
using test::rendered;

TEST(TemplateTest, ErrorsNameTheirLineAndWhatIsWrong) {
  EXPECT_EQ(refusal("a\n{{ x.y }}"), "line 2: 'x' is undefined");
  EXPECT_EQ(refusal("{{ m.a.b }}", {{"m", nlohmann::ordered_json::object()}}), "line 1: the dict has no attribute 'a'");
  EXPECT_EQ(refusal("{% if x %}\n\n{{ 'a' + 1 }}{% endif %}", {{"x", 1}}),
            "line 3: '+' does not take a 'str' and a 'int'");
  EXPECT_EQ(refusal("\n{{ raise_exception('Only users, please') }}"), "line 2: Only users, please");
  EXPECT_EQ(refusal("{{ 1 +\n }}"), "line 2: an expression is missing (before '}}')");
  EXPECT_EQ(refusal("\n{% if x %}\n"), "line 2: 'endif' is missing for what begins here");
  EXPECT_EQ(refusal("{% for x in y %}{% endif %}"), "line 1: there is no tag 'endif' here");
  EXPECT_EQ(refusal("{{ x|shout }}"), "line 1: there is no filter 'shout'");
  EXPECT_EQ(refusal("{% include 'other' %}"), "line 1: 'include' needs a second template, and a model's file has one");
  EXPECT_EQ(refusal("{{ x.append(1) }}", {{"x", {1}}}), "line 1: a 'list' has no attribute 'append'");
}

TEST(TemplateTest, AnUnknownFilterThatIsNotReachedDoesNotMatter) {
  EXPECT_EQ(rendered("{% if false %}{{ x|shout }}{% endif %}a"), "a");
}

TEST(TemplateTest, MentionsTheNamesThatItReads) {
  const Template source("{% if tools %}{{ enable_thinking }}{% endif %}{# documents #}");
  EXPECT_TRUE(source.mentions("tools"));
  EXPECT_TRUE(source.mentions("enable_thinking"));
  EXPECT_FALSE(source.mentions("documents"));
}

TEST(TemplateTest, BytesThatAreNoUtf8StayAsTheyAre) {
  const std::string odd = "a\xFF\xC3(\xE2\x82";
  EXPECT_EQ(rendered(odd + "{{ '" + odd + "' }}{{ '" + odd + "'.strip()|upper|lower }}"), odd + odd + odd);
}

TEST(TemplateTest, ValuesThatAreNoObjectAreNone) {
  EXPECT_EQ(rendered("{{ x is defined }}", nlohmann::ordered_json::array()), "False");
}

TEST(TemplateTest, TheLargestNumbersAreKeptAndLargerOnesRefused) {
  EXPECT_EQ(rendered("{{ x + 1 }}{{ [x]|tojson }}", {{"x", UINT64_MAX}}), "18446744073709551616[18446744073709551615]");
  EXPECT_EQ(refusal("{{ 2 ** 200 }}"), "line 1: a number is too large");
  EXPECT_EQ(refusal("{{ 1e300|int }}"), "line 1: 1e+300 has no whole number");
}

// Text without marks is printed, whatever it is, but for its last newline.
RC_GTEST_PROP(TemplateTest, TextWithoutMarksIsItself, (const std::string& text)) {
  RC_PRE(text.find_first_of("{\r") == std::string::npos);
  RC_ASSERT(rendered(text + "\n") == text);
}

RC_GTEST_PROP(TemplateTest, JsonComesBackFromTojson, (const std::vector<std::pair<int, double>>& numbers)) {
  nlohmann::ordered_json values = nlohmann::ordered_json::object();
  for (const auto& [whole, real] : numbers)
    values["x"].push_back({{"whole", whole}, {"real", real}, {"text", std::to_string(real)}});
  RC_ASSERT(nlohmann::ordered_json::parse(rendered("{{ {'x': x}|tojson }}", {{"x", values["x"]}})) ==
            nlohmann::ordered_json({{"x", values["x"]}}));
}

// Pieces of templates in any order: what comes is a text or a sentence, and it ends.
RC_GTEST_PROP(TemplateTest, AnyRowOfPiecesEnds, ()) {
  const auto piece = rc::gen::element<std::string>(
      "{{ ", " }}", "{% ", " %}", "{%- ", " -%}", "x", "xs", "m", "(", ")", "[", "]", "{", "}", ",", ":", ".", "|",
      "if ", " else ", "elif ", "endif", "for x in xs", "endfor", "set x = ", "endset", "macro f(a)", "endmacro",
      "f(x)", "call f(1)", "endcall", " is ", "defined", " not ", " in ", "'a'", "1", "2.5", "none", " + ", " - ",
      " * ", " ** ", " ~ ", " // ", "%", "==", "<", "loop.last", "join", "list", "tojson", "length", "upper", "split()",
      "items()", "range(9)", "namespace(a=1)", "break", "continue", "recursive", "loop(xs)", "filter upper",
      "endfilter", "raw", "endraw", "with a = 1", "endwith", "{#", "#}", "\n", "text");
  std::string source;
  for (const std::string& each : *rc::gen::container<std::vector<std::string>>(piece)) source += each;
  fuzz::feed_template(source);
}

}  // namespace
}  // namespace plimsoll::jinja
