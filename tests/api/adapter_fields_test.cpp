#include "api/adapter_fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/dialect.hpp"

#include "expect_problem.hpp"

namespace plimsoll::api {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(AdapterFieldsTest, NumbersAndScales) {
  EXPECT_THAT(
      read_adapter_scales(Json::parse(R"([{"id": 1, "scale": -0.5}, {"id": 0, "scale": 2}, {"id": 3}])"), "lora"),
      ElementsAre(AdapterScale{.id = 1, .scale = -0.5F}, AdapterScale{.id = 0, .scale = 2},
                  AdapterScale{.id = 3, .scale = 0}));
  EXPECT_THAT(read_adapter_scales(Json::array(), ""), IsEmpty());
}

TEST(AdapterFieldsTest, WhatIsWrongIsNamed) {
  const auto wrong = [&](const char* field, const char* words, const char* text) {
    test::expect_problem(field, words, [&] { return read_adapter_scales(Json::parse(text), "lora"); });
  };
  wrong("lora", "'lora' must be a list", "{}");
  wrong("lora[0]", "must be an object", "[1]");
  wrong("lora[0].id", "is missing", R"([{"scale": 1}])");
  wrong("lora[1].id", "whole number", R"([{"id": 0}, {"id": -1}])");
  wrong("lora[0].scale", "a number from", R"([{"id": 0, "scale": 1e30}])");
  test::expect_problem("", "the body must be a list", [] { return read_adapter_scales(Json(1), ""); });
}

TEST(AdapterFieldsTest, ARequestThatSaysNothingIsNoneThatWantsNone) {
  const auto asked = [](const char* lora) {
    return read_llama_completion(Json::parse(std::string(R"({"prompt": "a")") + lora + "}"));
  };
  EXPECT_FALSE(asked("").request.adapters);
  EXPECT_FALSE(asked(R"(, "lora": null)").request.adapters);
  EXPECT_TRUE(asked(R"(, "lora": [])").request.adapters);
}

}  // namespace
}  // namespace plimsoll::api
