#include "engine/metadata_override.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "expect_error.hpp"

namespace plimsoll::engine {
namespace {

using testing::ElementsAre;
using testing::Optional;

MetadataOverride entry(const char* key, decltype(MetadataOverride::value) value) {
  return {.key = key, .value = std::move(value)};
}

TEST(MetadataOverrideTest, EachTypeAsLlamasToolsWriteIt) {
  EXPECT_THAT(metadata_overrides_from_string("llama.expert_used_count=int:-4"),
              Optional(ElementsAre(entry("llama.expert_used_count", std::int64_t{-4}))));
  EXPECT_THAT(metadata_overrides_from_string("a=float:1e6"), Optional(ElementsAre(entry("a", 1e6))));
  EXPECT_THAT(metadata_overrides_from_string("a=bool:false"), Optional(ElementsAre(entry("a", false))));
  EXPECT_THAT(metadata_overrides_from_string("a=str:"), Optional(ElementsAre(entry("a", std::string()))));
  EXPECT_THAT(metadata_overrides_from_string("a=str:b=c:d"), Optional(ElementsAre(entry("a", std::string("b=c:d")))));
}

TEST(MetadataOverrideTest, SeveralAtOnce) {
  EXPECT_THAT(metadata_overrides_from_string("a=int:1,b=str:x,y,c=bool:true"),
              Optional(ElementsAre(entry("a", std::int64_t{1}), entry("b", std::string("x,y")), entry("c", true))));
}

TEST(MetadataOverrideTest, OtherFormsAreNone) {
  for (const char* text : {"", "a", "=int:1", "a=int", "a=int:", "a=int:x", "a=int:1x", "a=int:9223372036854775808",
                           "a=bool:1", "a=number:1", "a=float:", "a=int:1,", "a=int:1,b", "a=str:\xff"})
    EXPECT_FALSE(metadata_overrides_from_string(text)) << text;
}

TEST(MetadataOverrideTest, AreWrittenAsTheyAreRead) {
  for (const char* text : {"a=int:-1", "a=float:0.1", "a=bool:true", "a=str:b c"}) {
    const auto entries = metadata_overrides_from_string(text);
    ASSERT_TRUE(entries) << text;
    EXPECT_EQ(to_string(entries->front()), text);
  }
}

TEST(MetadataOverrideTest, TheEnginesForm) {
  EXPECT_EQ(to_engine(entry("a", std::int64_t{7})).val_i64, 7);
  EXPECT_EQ(to_engine(entry("a", 0.5)).tag, LLAMA_KV_OVERRIDE_TYPE_FLOAT);
  EXPECT_TRUE(to_engine(entry("a", true)).val_bool);
  const std::string longest(127, 'x');
  const llama_model_kv_override text = to_engine({.key = longest, .value = longest});
  EXPECT_EQ(text.key, longest);
  EXPECT_EQ(text.val_str, longest);
}

TEST(MetadataOverrideTest, WhatTheEngineCannotTakeIsRefused) {
  const auto validated = [](MetadataOverride entry) {
    ModelParams params;
    params.path = "a.gguf";
    params.metadata_overrides = {std::move(entry)};
    validate(params);
  };
  validated(entry("a", std::string(127, 'x')));
  test::expect_error(ErrorCode::usage, "127 bytes at most", [&] { validated(entry("a", std::string(128, 'x'))); });
  test::expect_error(ErrorCode::usage, "127 bytes at most", [&] { validated({std::string(128, 'k'), true}); });
  test::expect_error(ErrorCode::usage, "no key", [&] { validated(entry("", true)); });
  test::expect_error(ErrorCode::usage, "not UTF-8", [&] { validated(entry("a", std::string("\xff"))); });
  test::expect_error(ErrorCode::usage, "NUL", [&] { validated(entry("a", std::string("b\0c", 3))); });
}

}  // namespace
}  // namespace plimsoll::engine
