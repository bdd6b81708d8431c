// Grammars of calls whose arguments are literals of a language that is not JSON, under a sampler.
#include <gtest/gtest.h>

#include "api/tool_calls.hpp"
#include "engine/sampler.hpp"

#include "byte_grammar.hpp"
#include "tagged_examples.hpp"

namespace plimsoll::api {
namespace {

using grammar::ToolForm;

class LiteralGrammarTest : public test::ByteGrammarTest {
 protected:
  // Of calls of f with these parameters.
  static std::string grammar_of(ToolForm form, const std::string& parameters) {
    engine::SamplingParams sampling;
    hold_to_tools(sampling, {.tools = test::tool_of(parameters), .tool_choice = {.kind = ToolChoice::Kind::required}},
                  form);
    EXPECT_NO_THROW(engine::validate(sampling));
    return sampling.grammar;
  }
};

std::string in_list(const std::string& arguments) {
  return "<|tool_call_start|>[f(" + arguments + ")]<|tool_call_end|>";
}

TEST_F(LiteralGrammarTest, ValuesOfPython) {
  const std::string gbnf = grammar_of(ToolForm::lfm, R"({"type": "object", "properties": {
    "text": {"type": "string"}, "short": {"type": "string", "maxLength": 3}, "word": {"enum": ["red", "it's", 3, true]},
    "on": {"type": "boolean"}, "maybe": {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 5}, {"type": "null"}]},
    "list": {"type": "array", "items": {"type": "string"}}, "any": {}, "yes": {"const": true}}})");
  const auto allowed = [&](const std::string& argument) { return allows(gbnf, in_list(argument)); };
  for (const char* good : {R"(text="a ) ' ]")",
                           R"(text='a " \' \n')",
                           "text=''",
                           R"(short="abc")",
                           "word='red'",
                           R"(word="it's")",
                           "word=3",
                           "word=True",
                           "on=True",
                           "on=false",
                           "maybe=None",
                           "maybe=null",
                           "maybe='x'",
                           "maybe=5",
                           R"(list=["a"])",
                           "any=None",
                           "any='x'",
                           "any=[1]",
                           "yes=True",
                           "yes=true",
                           ""})
    EXPECT_TRUE(allowed(good)) << good << "\n" << gbnf;
  for (const char* bad :
       {"text=a", "text=1", "text='a", "text='a\nb'", R"(short="abcd")", "short='abcd'", "word='blue'", "word=red",
        "word=False", "on=None", "on='x'", "maybe=4", "maybe=True", "list=[1]", "yes=False", "other=1", "text"})
    EXPECT_FALSE(allowed(bad)) << bad;
}

TEST_F(LiteralGrammarTest, ArgumentsInTheirOrder) {
  const std::string gbnf = grammar_of(ToolForm::lfm, R"({"type": "object", "properties": {"a": {"type": "integer"},
    "b": {"type": "integer"}, "c": {"type": "integer"}}, "required": ["b"]})");
  for (const char* good : {"b=1", "a=1,b=1", "b=1, c=1", "a=1, b=1, c=1"})
    EXPECT_TRUE(allows(gbnf, in_list(good))) << good << "\n" << gbnf;
  for (const char* bad : {"", "a=1", "b=1,b=1", "a=1,", ",b=1", "a=1 b=1", "b=1,", "b=1, d=1"})
    EXPECT_FALSE(allows(gbnf, in_list(bad))) << bad;
}

TEST_F(LiteralGrammarTest, ArgumentsThatAreNotDescribed) {
  const std::string free = grammar_of(ToolForm::lfm, R"({"type": "object"})");
  for (const char* good : {"", "a=1", "a='x', b_1=[1]"})
    EXPECT_TRUE(allows(free, in_list(good))) << good << "\n" << free;
  EXPECT_FALSE(allows(free, in_list("a")));
  const std::string numbers = grammar_of(ToolForm::lfm, R"({"type": "object", "properties": {"a": {"type": "string"}},
    "required": ["a", "z"], "additionalProperties": {"type": "integer"}})");
  EXPECT_TRUE(allows(numbers, in_list("a='x', z=1, b=2"))) << numbers;
  EXPECT_FALSE(allows(numbers, in_list("a='x', z=1, b='x'")) || allows(numbers, in_list("a='x', b=2")));
  const std::string odd = grammar_of(ToolForm::lfm, R"({"type": "object", "properties": {"a b": {"type": "string"},
    "c": {"not": {}}}, "required": ["c"]})");
  EXPECT_TRUE(allows(odd, in_list("c=1"))) << odd;
}

TEST_F(LiteralGrammarTest, ValuesOfGemma) {
  const std::string gbnf = grammar_of(ToolForm::gemma, R"({"type": "object", "properties": {
    "text": {"type": "string"}, "word": {"enum": ["red", 3]}, "on": {"type": "boolean"},
    "maybe": {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 5}, {"type": "null"}]},
    "list": {"type": "array", "items": {"type": "string"}}, "any": {},
    "map": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]}}})");
  const auto allowed = [&](const std::string& arguments) {
    return allows(gbnf, "<|tool_call>call:f{" + arguments + "}<tool_call|>");
  };
  for (const char* good :
       {"", R"(text:<|"|>a " } <| ] \<|"|>)", R"(text:<|"|><|"|>,on:true)", R"(word:<|"|>red<|"|>)", "word:3",
        "on:false", "maybe:5", "maybe:null", R"(maybe:<|"|>x<|"|>)", "list:[]", R"(list:[<|"|>a<|"|>,<|"|>b<|"|>])",
        "any:[1,{k:null}]", R"(any:<|"|>x<|"|>)", R"(map:{a:<|"|>x<|"|>,b:1})", R"(map:{a:<|"|>x<|"|>})"})
    EXPECT_TRUE(allowed(good)) << good << "\n" << gbnf;
  for (const char* bad :
       {"text:a", "text:\"a\"", "text:1", R"(word:<|"|>blue<|"|>)", "on:True", "maybe:4", "maybe:true", "list:[1]",
        R"(list:<|"|>a<|"|>)", "map:{b:1}", R"(map:{a:<|"|>x<|"|>,c:1})", "other:1", "on:true,"})
    EXPECT_FALSE(allowed(bad)) << bad;
  const std::string tree = grammar_of(ToolForm::gemma, R"({"type": "object", "properties": {
    "left": {"$ref": "#"}, "right": {"$ref": "#"}, "name": {"type": "string"}}})");
  EXPECT_TRUE(allows(tree, R"(<|tool_call>call:f{left:{right:{name:<|"|>x<|"|>}}}<tool_call|>)"));
}

}  // namespace
}  // namespace plimsoll::api
