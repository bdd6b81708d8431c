// What a template may take, and that it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "rendered.hpp"

namespace plimsoll::jinja {
namespace {

using test::refusal;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(BoundsTest, ARangeIsNoLongerThanTheSandboxs) {
  EXPECT_EQ(refusal("\n{% for i in range(100000000) %}x{% endfor %}"),
            "line 2: a range of more than 100000 numbers is too long");
}

TEST(BoundsTest, StepsEndLoops) {
  const std::string loops = "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}";
  EXPECT_EQ(refusal(loops), "line 1: the template takes more than 10000000 steps");
  EXPECT_THAT(refusal("{% for i in range(100) %}x{% endfor %}", {}, {.limits = {.steps = 50}}),
              HasSubstr("more than 50 steps"));
  EXPECT_EQ(refusal("{% for i in range(100) %}x{% endfor %}"), "");
}

TEST(BoundsTest, LongTextsAreStepsToo) {
  const nlohmann::ordered_json values = {{"text", repeated("ab ", 100'000)}};
  for (const std::string work : {"'zz' in text", "text.split()|length", "text|upper", "text.replace('a', 'c')",
                                 "text[1:]", "text == text ~ ''", "text|tojson"}) {
    EXPECT_THAT(refusal("{% for i in range(100000) %}{% set x = " + work + " %}{% endfor %}", values),
                HasSubstr("steps"))
        << work;
  }
}

TEST(BoundsTest, MemoryEndsWhatGrows) {
  const std::string doubles =
      "{% set ns = namespace(x='12345678') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}";
  EXPECT_EQ(refusal(doubles), "line 1: the template holds more than 256 MiB of values");
  EXPECT_THAT(
      refusal("{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}"),
      HasSubstr("MiB of values"));
  EXPECT_THAT(refusal("{{ 'x' * 10000000000 }}"), HasSubstr("MiB of values"));
  EXPECT_THAT(refusal("{{ [1] * 10000000000 }}"), HasSubstr("MiB of values"));
  EXPECT_THAT(refusal("{{ ''.ljust(10000000000) }}"), HasSubstr("MiB of values"));
  EXPECT_THAT(refusal("{{ '%099999d' % 1 }}"), HasSubstr("width"));
  EXPECT_THAT(
      refusal("{% set ns = namespace(x=[1]) %}{% for i in range(9000) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}"),
      HasSubstr("levels deep"));
}

TEST(BoundsTest, OutputEnds) {
  const nlohmann::ordered_json values = {{"text", repeated("a", 1U << 20)}};
  EXPECT_THAT(refusal("{% for i in range(100) %}{{ text }}{% endfor %}", values), HasSubstr("writes more than 64 MiB"));
  EXPECT_EQ(Template("{{ text }}").render(values).text.size(), 1U << 20);
}

TEST(BoundsTest, RecursionEnds) {
  EXPECT_EQ(refusal("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"),
            "line 1: the template goes more than 200 levels deep");
  EXPECT_THAT(refusal("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"), HasSubstr("levels deep"));
  EXPECT_EQ(test::rendered("{% macro f(n) %}{% if n %}{{ f(n - 1) }}{% endif %}.{% endmacro %}{{ f(50) }}"),
            repeated(".", 51));
}

TEST(BoundsTest, NestingEndsWhileParsing) {
  for (const std::string open : {"(", "[", "{'a': ", "not ", "-", "x[", "f("}) {
    EXPECT_THAT(refusal("{{ " + repeated(open, 100'000)), StartsWith("line 1: ")) << open;
  }
  EXPECT_THAT(refusal(repeated("{% if x %}", 100'000)), HasSubstr("nests too deep"));
  for (const std::string link : {" + 1", " ** 1", ".a", "|e", " is none", " and 1", " if 1", "(1)"}) {
    EXPECT_THAT(refusal("{{ 1" + repeated(link, 100'000) + " }}"), StartsWith("line 1: ")) << link;
  }
  EXPECT_EQ(refusal("{{ 1" + repeated(" + 1", 190) + " }}"), "");
}

TEST(BoundsTest, DeepValuesAreRefused) {
  nlohmann::ordered_json deep = nlohmann::ordered_json::array();
  for (int i = 0; i < 1000; ++i) deep = nlohmann::ordered_json::array({std::move(deep)});
  EXPECT_THAT(refusal("{{ x }}", {{"x", deep}}), HasSubstr("levels deep"));
  EXPECT_EQ(refusal("{{ y }}", {{"x", deep}}), "");
}

TEST(BoundsTest, AStopIsNoticed) {
  std::stop_source stop;
  stop.request_stop();
  try {
    (void)Template("{% for i in range(100000) %}x{% endfor %}")
        .render(nlohmann::ordered_json::object(), {.stop = stop.get_token()});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::cancelled);
  }
}

// What holds itself is freed all the same: the sanitizer's leak check looks.
TEST(BoundsTest, WhatHoldsItselfIsFreed) {
  EXPECT_EQ(refusal("{% set ns = namespace() %}{% set ns.me = ns %}{% macro f() %}{% endmacro %}{% set ns.f = f %}"),
            "");
  EXPECT_EQ(refusal("{% for x in [1, 2] %}{% set a = loop.changed(loop) %}{% macro g() %}{% endmacro %}{% endfor %}"),
            "");
  const std::string chain = "{% set ns = namespace(x=none) %}{% for i in range(99999) %}{% set ns.x = ";
  EXPECT_EQ(refusal(chain + "namespace(x=ns.x) %}{% endfor %}"), "");
  EXPECT_THAT(refusal(chain + "cycler(ns.x) %}{% endfor %}"), HasSubstr("levels deep"));
  const std::string callers = "{% macro keep() %}{% set ns.x = caller %}{% endmacro %}";
  EXPECT_EQ(refusal("{% set ns = namespace(x=none) %}" + callers +
                    "{% for i in range(9999) %}{% set old = ns.x %}{% call keep() %}{% endcall %}{% endfor %}"),
            "");
}

TEST(BoundsTest, ManyThreadsRenderOneTemplate) {
  const Template greeting("{% for x in xs %}{{ 'n' ~ x }}{% endfor %}");
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) EXPECT_EQ(greeting.render({{"xs", {1, 2}}}).text, "n1n2");
    });
  }
}

}  // namespace
}  // namespace plimsoll::jinja
