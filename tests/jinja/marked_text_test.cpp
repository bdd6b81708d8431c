// What came in with the values stays marked on every way through a template.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "rendered.hpp"

namespace plimsoll::jinja {
namespace {

using test::with_brackets;
using Json = nlohmann::ordered_json;

bool owns_roles(std::string_view member, std::string_view) { return member == "role"; }

const Json kValues{{"m", "in"},
                   {"bos", "<s>"},
                   {"padded", "  in  "},
                   {"lines", "one\ntwo"},
                   {"words", "one,two"},
                   {"quoted", "a\"b<c"},
                   {"umlaut", "süß"},
                   {"list", {"x", "y"}},
                   {"d", {{"key", "value"}, {"n", 1}}},
                   {"messages", {{{"role", "user"}, {"content", "said"}}}}};

std::string marked(std::string_view source) {
  return with_brackets(
      Template(source).render(kValues, {.own_variables = {"bos"}, .owns = owns_roles, .now = test::referees_now()}));
}

struct Case {
  const char* source;
  const char* expected;
};

void check(const std::vector<Case>& cases) {
  for (const auto& [source, expected] : cases) EXPECT_EQ(marked(source), expected) << source;
}

TEST(MarkedTextTest, WhatTheTemplateWritesIsItsOwn) {
  check({{"a{{ m }}b", "a[in]b"},
         {"{{ 'a' }}{{ 1 + 1 }}{{ none }}{{ true }}", "a2NoneTrue"},
         {"{{ bos }}{{ messages[0].role }}:{{ messages[0].content }}", "<s>user:[said]"},
         {"{% for x in list %}{{ loop.index }}{{ x }}{% endfor %}", "1[x]2[y]"},
         {"{{ strftime_now('%Y') }}", "2026"},
         {"{{ d.n }}{{ list|length }}", "12"}});
}

TEST(MarkedTextTest, ItIsKeptWhereTextsAreJoined) {
  check({{"{{ 'a' + m + 'b' }}", "a[in]b"},
         {"{{ 'a' ~ m ~ 1 }}", "a[in]1"},
         {"{{ m + m }}", "[inin]"},
         {"{{ m * 2 ~ '-' * 3 }}", "[inin]---"},
         {"{{ ', '.join(list) }}|{{ list|join('; ') }}", "[x], [y]|[x]; [y]"},
         {"{{ words.split(',')|join(m) }}", "[oneintwo]"},
         {"{% set t %}<{{ m }}>{% endset %}{{ t }}{{ t|upper }}", "<[in]><[IN]>"},
         {"{% macro f(x) %}({{ x }}){% endmacro %}{{ f(m) }}{{ f('own') }}", "([in])(own)"},
         {"{% set ns = namespace(t='') %}{% for x in list %}{% set ns.t = ns.t + '-' + x %}{% endfor %}{{ ns.t }}",
          "-[x]-[y]"},
         {"{% filter upper %}a{{ m }}{% endfilter %}", "A[IN]"},
         {"{% macro f() %}{{ caller(m) }}{% endmacro %}{% call(x) f() %}<{{ x }}>{% endcall %}", "<[in]>"}});
}

TEST(MarkedTextTest, ItIsKeptWhereTextsAreTakenApart) {
  check(
      {{"{{ ('<' + m + '>')[1:] }}|{{ ('<' + m + '>')[:2] }}|{{ ('<' + m + '>')[0] }}", "[in]>|<[i]|<"},
       {"{{ ('<' + m + '>')[::-1] }}|{{ ('a' + m)|reverse }}", ">[ni]<|[ni]a"},
       {"{{ padded.strip() }}|{{ ('-' + padded)|trim }}|{{ padded.lstrip() }}", "[in]|-[  in]|[in  ]"},
       {"{{ ('a,' + m).split(',') | join('/') }}", "a/[in]"},
       {"{{ ('a,' + words).rsplit(',', 1) | join('/') }}", "a,[one]/[two]"},
       {"{{ ('a ' + m).partition(' ') | join('/') }}|{{ words.partition(',')|join('/') }}", "a/ /[in]|[one]/[,]/[two]"},
       {"{{ ('a\n' + lines).splitlines() | join('/') }}", "a/[one]/[two]"},
       {"{{ ('a' + m).removeprefix('a') }}|{{ ('a' + m).removesuffix('n') }}", "[in]|a[i]"},
       {"{{ ('own ' + m)|truncate(5, true, '!', 0) }}", "own !"},
       {"{{ ('a' + umlaut)|list|join('.') }}|{{ ('a' + umlaut)[2] }}", "a.[s].[ü].[ß]|[ü]"},
       {"{{ ('a' + m)|first }}|{{ ('a' + m)|last }}", "a|[n]"},
       {"{% for c in 'a' + m %}{{ c }}.{% endfor %}", "a.[i].[n]."}});
}

TEST(MarkedTextTest, ItIsKeptWhereTextsAreChanged) {
  check({{"{{ ('a' + m)|upper }}|{{ ('A' + m).lower() }}|{{ ('a' + m)|capitalize }}|{{ ('a ' + m)|title }}",
          "A[IN]|a[in]|A[in]|A [In]"},
         {"{{ ('a' + umlaut)|upper }}|{{ ('a' + umlaut)|capitalize }}", "A[SÜSS]|[Asüß]"},
         {"{{ ('<' + m)|replace('<', '(') }}|{{ ('a' + m)|replace('i', '|') }}|{{ 'a-b'|replace('-', m) }}",
          "([in]|a|[n]|a[in]b"},
         {"{{ ('a' + m).replace('', '.') }}", ".a.[i].[n]."},
         {"{{ lines|indent(2) }}|{{ lines|indent('> ', true) }}", "[one]\n  [two]|> [one]\n> [two]"},
         {"{{ ('<' + quoted)|e }}", "&lt;[a&#34;b&lt;c]"},
         {"{{ m.center(6) }}|{{ m.ljust(4) }}|{{ m.rjust(4, '.') }}|{{ m.zfill(4) }}|{{ m|center(4) }}",
          "  [in]  |[in]  |..[in]|00[in]| [in] "},
         {"{{ ('/' + quoted)|urlencode }}", "/[a%22b%3Cc]"},
         {"{{ m|safe + '<' + quoted }}", "[in]&lt;[a&#34;b&lt;c]"}});
}

TEST(MarkedTextTest, ItIsKeptWhereValuesAreWrittenDown) {
  check({{"{{ d|tojson }}", R"({"[key]": "[value]", "[n]": 1})"},
         {"{{ ['a', quoted]|tojson }}", R"(["a", "[a\"b<c]"])"},
         {"{{ {'own': m}|tojson(indent=1) }}", "{\n \"own\": \"[in]\"\n}"},
         {"{{ umlaut|tojson(ensure_ascii=true) }}", "\"[s\\u00fc\\u00df]\""},
         {"{{ d }}|{{ list }}|{{ (m, 'a') }}", "{'[key]': '[value]', '[n]': 1}|['[x]', '[y]']|('[in]', 'a')"},
         {"{{ list|string }}|{{ [m]|pprint }}", "['[x]', '[y]']|['[in]']"},
         {"{{ '%s=%5s' % (m, m) }}|{{ '<%s>'|format(m) }}", "[in]=   [in]|<[in]>"},
         {"{{ '{}={:>4}!{x}'.format(m, m, x='a') }}", "[in]=  [in]!a"},
         {"{{ '{0[key]}'.format(d) }}|{{ (m + '{}').format('a') }}", "[value]|[in]a"},
         {"{% for k, v in d.items() %}{{ k }}:{{ v }};{% endfor %}", "[key]:[value];[n]:1;"},
         {"{{ dict(**d) }}|{{ dict(own=m) }}", "{'key': '[value]', 'n': 1}|{'own': '[in]'}"},
         {"{{ list|map('upper')|join(',') }}|{{ list|sort|first }}", "[X],[Y]|[x]"}});
}

TEST(MarkedTextTest, ANameThatCameInByTwoStarsIsNoTemplatesOwn) {
  const Json values{{"d", {{"<|im_end|>", 1}}}};
  EXPECT_EQ(with_brackets(Template("{{ dict(**d) }}").render(values)), "{'[<|im_end|>]': 1}");
}

TEST(MarkedTextTest, PartsAndCuts) {
  MarkedText text = own_text("ab");
  text.append_input("cd");
  text += "ef";
  text.append_input("g");
  text.append_input("h");
  EXPECT_EQ(with_brackets(text), "ab[cd]ef[gh]");
  MarkedText part;
  part.append(text, 3, 4);
  EXPECT_EQ(with_brackets(part), "[d]ef[g]");
  part += part_of(text, std::string_view(text.text).substr(0, 3));
  EXPECT_EQ(with_brackets(part), "[d]ef[g]ab[c]");
  text.cut(7);
  EXPECT_EQ(with_brackets(text), "ab[cd]ef[g]");
  text.cut(2);
  EXPECT_EQ(with_brackets(text), "ab");
  EXPECT_EQ(part_of(text, {}), MarkedText{});
  EXPECT_EQ(input_text(""), MarkedText{});
}

// However a text is built and taken apart, each byte keeps its origin: letters of input are capitals here.
RC_GTEST_PROP(MarkedTextTest, EachByteKeepsItsOrigin, ()) {
  MarkedText text;
  for (const auto& [is_input, count] : *rc::gen::container<std::vector<std::pair<bool, std::uint8_t>>>(
           rc::gen::pair(rc::gen::arbitrary<bool>(), rc::gen::inRange<std::uint8_t>(0, 4))))
    text.append_as(is_input, std::string(count, is_input ? 'I' : 'o'));
  const auto begin = *rc::gen::inRange<std::size_t>(0, text.text.size() + 1);
  const auto end = *rc::gen::inRange<std::size_t>(begin, text.text.size() + 1);
  MarkedText part = own_text("o");
  part.append(text, begin, end - begin);
  part.cut(*rc::gen::inRange<std::size_t>(0, part.text.size() + 1));
  each_run(part, [](bool is_input, std::string_view piece) {
    RC_ASSERT(piece.find_first_not_of(is_input ? 'I' : 'o') == std::string_view::npos);
  });
}

}  // namespace
}  // namespace plimsoll::jinja
