#include "api/json_heap.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "api/json_text.hpp"

namespace plimsoll::api {
namespace {

std::string list_of(const std::string& value, std::size_t count) {
  std::string out = "[" + value;
  for (std::size_t i = 1; i < count; ++i) out += "," + value;
  return out + "]";
}

TEST(JsonHeapTest, IsAboutWhatTheValuesTake) {
  constexpr std::size_t kMany = 1000;
  constexpr std::size_t kMember = sizeof(Json::object_t::value_type);
  const std::vector<std::pair<const char*, std::size_t>> values{
      {"0", 0},
      {"[]", sizeof(Json::array_t)},
      {"{}", sizeof(Json::object_t)},
      {R"({"a":1})", sizeof(Json::object_t) + kMember},
      {R"(["a"])", sizeof(Json::array_t) + sizeof(Json) + sizeof(std::string)},
  };
  for (const auto& [value, beside] : values) {
    const std::uint64_t estimated = heap_of_values(list_of(value, kMany)).value();
    const std::size_t least = kMany * (sizeof(Json) + beside);
    EXPECT_GE(estimated, least) << value;
    EXPECT_LE(estimated, 4 * least) << value;
  }
}

TEST(JsonHeapTest, ALongTextIsOneValue) {
  EXPECT_LE(heap_of_values('"' + std::string(1'000'000, 'x') + '"').value(), 1000U);
}

TEST(JsonHeapTest, WhatIsNoJsonCountsToItsEnd) {
  EXPECT_EQ(heap_of_values(""), Bytes{});
  EXPECT_EQ(heap_of_values("[0,0,"), heap_of_values("[0,0]"));
}

}  // namespace
}  // namespace plimsoll::api
