// YAML that people read and Kubernetes takes.
#include "yaml.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace plimsoll::place {
namespace {

using Json = nlohmann::ordered_json;

TEST(YamlTest, ListsAndTables) {
  const Json value{{"kind", "Pod"},
                   {"list", {{{"name", "aa"}, {"port", 80}}, {{"name", "bb"}}}},
                   {"none", Json::object()},
                   {"words", {"one", "two"}}};
  EXPECT_EQ(to_yaml(value),
            "kind: Pod\nlist:\n  - name: aa\n    port: 80\n  - name: bb\nnone: {}\nwords:\n  - one\n  - two\n");
}

TEST(YamlTest, WhatYamlWouldTakeForSomethingElseIsQuoted) {
  const Json value{{"a", "true"}, {"b", "No"}, {"c", "12"},  {"d", ""},
                   {"e", "x: y"}, {"f", "y"},  {"g", "# x"}, {"1", "1e3"}};
  EXPECT_EQ(to_yaml(value),
            "\"a\": \"true\"\n\"b\": \"No\"\n\"c\": \"12\"\n\"d\": \"\"\n\"e\": \"x: y\"\n\"f\": \"y\"\n\"g\": \"# "
            "x\"\n\"1\": \"1e3\"\n");
}

TEST(YamlTest, TextsOfSeveralLinesAreBlocksWhereYamlCanShowThem) {
  EXPECT_EQ(to_yaml(Json{{"text", "one\n  two\n\nthree\n"}}), "text: |\n  one\n    two\n\n  three\n");
  EXPECT_EQ(to_yaml(Json{{"text", " one\ntwo\n"}}), "text: \" one\\ntwo\\n\"\n");
  EXPECT_EQ(to_yaml(Json{{"text", "one\ntwo"}}), "text: \"one\\ntwo\"\n");
  EXPECT_EQ(to_yaml(Json{{"text", "one\a\n"}}), "text: \"one\\u0007\\n\"\n");
}

}  // namespace
}  // namespace plimsoll::place
