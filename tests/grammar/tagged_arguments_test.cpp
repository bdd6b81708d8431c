#include "grammar/tagged_arguments.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include <nlohmann/json.hpp>

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> unchecked(const std::string& schema) {
  SchemaBudget budget;
  std::vector<std::string> pointers;
  for (const SchemaNote& note :
       grammar_of_tagged_arguments(Json::parse(schema), *tagged_form(ToolForm::glm), budget).notes) {
    EXPECT_EQ(note.kind, SchemaNote::Kind::unchecked) << note.pointer;
    pointers.push_back(note.pointer);
  }
  std::ranges::sort(pointers);
  return pointers;
}

TypeNames types(const std::string& schema) {
  const Json whole{{"type", "object"},
                   {"properties", {{"a", Json::parse(schema)}}},
                   {"$defs", {{"n", {{"type", "integer"}}}, {"loop", {{"$ref", "#/$defs/loop"}}}}}};
  return parameter_types(whole).of.at("a");
}

TEST(TaggedArgumentsTest, TypesAreThoseThatASchemaAllows) {
  EXPECT_EQ(types(R"({"type": "string"})"), (TypeNames{"string"}));
  EXPECT_EQ(types(R"({"type": ["integer", "null"]})"), (TypeNames{"integer", "null"}));
  EXPECT_EQ(types(R"({"$ref": "#/$defs/n"})"), (TypeNames{"integer"}));
  EXPECT_EQ(types(R"({"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]})"), (TypeNames{"integer", "null"}));
  EXPECT_EQ(types(R"({"type": "string", "anyOf": [{"minLength": 1}, {"format": "date"}]})"), (TypeNames{"string"}));
  EXPECT_EQ(types(R"({"enum": ["a", 1, null]})"), (TypeNames{"null", "number", "string"}));
  EXPECT_EQ(types(R"({"allOf": [{"type": "boolean"}]})"), (TypeNames{"boolean"}));
  for (const char* any : {"{}", "true", R"({"description": "x"})", R"({"anyOf": [{"type": "string"}, {}]})",
                          R"({"$ref": "#/$defs/loop"})"})
    EXPECT_TRUE(types(any).empty()) << any;
}

TEST(TaggedArgumentsTest, OthersHaveTheTypeOfAdditionalProperties) {
  EXPECT_EQ(parameter_types(Json::parse(R"({"type": "object", "additionalProperties": {"type": "integer"}})")).others,
            (TypeNames{"integer"}));
  EXPECT_TRUE(parameter_types(Json::parse(R"({"type": "object"})")).others.empty());
  EXPECT_TRUE(parameter_types(Json::parse(R"({"type": "object", "properties": 1})")).of.empty());
}

TEST(TaggedArgumentsTest, WhatTextIsNotHeldToIsNoted) {
  EXPECT_EQ(
      unchecked(R"({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer", "minimum": 1},
                          "c": {"enum": ["x", "y"]}, "d": {"anyOf": [{"type": "string"}, {"type": "null"}]}}})"),
      (std::vector<std::string>{}));
  EXPECT_EQ(unchecked(R"({"type": "object", "minProperties": 1, "properties": {"a": {"type": "string", "minLength": 2},
                          "b": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}})"),
            (std::vector<std::string>{"#/minProperties", "#/properties/a/minLength", "#/properties/b/anyOf"}));
}

// Its own budget ended that before, and what stood behind it was not held any more.
TEST(TaggedArgumentsTest, AUnionThatHasItselfAsABranchIsAnyText) {
  EXPECT_EQ(unchecked(R"({"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}, "b": {"type": "integer"}},
                          "$defs": {"x": {"anyOf": [{"$ref": "#/$defs/x"}]}}})")
                .size(),
            1U);
}

}  // namespace
}  // namespace plimsoll::grammar
