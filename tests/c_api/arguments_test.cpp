// Arguments: texts with lengths of 32 and 64 bits, lists, and structs of other versions.
#include "arguments.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <limits>

#include "defaults.hpp"
#include "expect_error.hpp"
#include "expect_value.hpp"

namespace plimsoll::c_api {
namespace {

using test::expect_code;
using test::expect_error;
using test::expect_ok;

TEST(CApiArguments, ATextEndsWithItsLengthOrItsNulByte) {
  EXPECT_EQ(text_of("anchor", -1, "text"), "anchor");
  EXPECT_EQ(text_of("anchor", 3, "text"), "anc");
  EXPECT_EQ(text_of("a\0b", 3, "text"), std::string_view("a\0b", 3));
  EXPECT_EQ(text_of("anchor", 0, "text"), "");
  EXPECT_EQ(text_of(nullptr, 0, "text"), "");
  expect_error(ErrorCode::usage, "the text is NULL", [] { (void)text_of(nullptr, -1, "text"); });
  expect_error(ErrorCode::usage, "the text is NULL", [] { (void)text_of(nullptr, 5, "text"); });
}

TEST(CApiArguments, ALengthBeyondTheEnginesIsRefusedAndNotCut) {
  // -1 of 32 bits, widened without its sign.
  expect_error(ErrorCode::usage, "the text has 4294967295 bytes",
               [] { (void)text_of("a", std::numeric_limits<std::uint32_t>::max(), "text"); });
  expect_error(ErrorCode::usage, "2147483647 is the most", [] { (void)text_of("a", std::int64_t{1} << 32U, "text"); });
  expect_error(ErrorCode::usage, "is -2", [] { (void)text_of("a", -2, "text"); });
  expect_error(ErrorCode::usage, "4294967295 tokens", [] {
    const std::int32_t token = 0;
    (void)list_of(&token, std::numeric_limits<std::uint32_t>::max(), "tokens");
  });
  expect_error(ErrorCode::usage, "18446744073709551615 tokens", [] {
    const std::int32_t token = 0;
    (void)list_of(&token, std::numeric_limits<std::uint64_t>::max(), "tokens");
  });
}

TEST(CApiArguments, AListNamesTheElementThatIsNull) {
  const std::array<const char*, 3> texts{"a", nullptr, "c"};
  expect_error(ErrorCode::usage, "number 1 of the documents is NULL",
               [&] { (void)texts_of(texts.data(), texts.size(), "documents"); });
  expect_error(ErrorCode::usage, "there are 2 documents at NULL", [] { (void)texts_of(nullptr, 2, "documents"); });
  EXPECT_TRUE(texts_of(nullptr, 0, "documents").empty());
}

TEST(CApiArguments, AnIndexBeyondTheEndIsRefused) {
  EXPECT_EQ(index_of(1, 2, "device"), 1U);
  expect_error(ErrorCode::usage, "there is no device 2: there are 2 of them", [] { (void)index_of(2, 2, "device"); });
}

// What a later version of the header could have.
struct Later {
  plimsoll_rank_options known;
  std::uint64_t member;
};

TEST(CApiArguments, AnInitialisedStructHasTheDefaultsOfTheLibrary) {
  plimsoll_generation_options options;
  std::memset(&options, 0xCD, sizeof options);
  expect_ok(plimsoll_generation_options_init(&options, sizeof options));
  EXPECT_EQ(options.size, sizeof options);
  EXPECT_EQ(options.predict, GenerationOptions{}.predict);
  EXPECT_EQ(options.temperature, SamplingParams{}.temperature);
  EXPECT_EQ(options.stop, nullptr);
  EXPECT_EQ(options.user_data, nullptr);
}

TEST(CApiArguments, ASizeThatNoVersionHadIsRefused) {
  plimsoll_rank_options options;
  expect_ok(plimsoll_rank_options_init(&options, sizeof options));
  for (const std::uint32_t size : {0U, 4U, 24U, 33U, 5000U, 0xCDCDCDCDU}) {
    options.size = size;
    expect_error(ErrorCode::usage, "no version of plimsoll_rank_options has a size of " + std::to_string(size),
                 [&] { (void)known(&options); });
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{8}, std::numeric_limits<std::size_t>::max()})
    expect_code(PLIMSOLL_USAGE, "was it initialised?", plimsoll_rank_options_init(&options, size));
  expect_code(PLIMSOLL_USAGE, "its pointer is NULL", plimsoll_rank_options_init(nullptr, sizeof options));
}

TEST(CApiArguments, ALargerStructIsTakenWhereWhatIsNotKnownIsNotSet) {
  Later later;
  std::memset(&later, 0xCD, sizeof later);
  expect_ok(plimsoll_rank_options_init(&later.known, sizeof later));
  EXPECT_EQ(later.known.size, sizeof later);
  EXPECT_EQ(later.member, 0U);
  later.known.top_n = 3;
  EXPECT_EQ(known(&later.known).top_n, 3U);
  later.member = 1;
  expect_error(ErrorCode::unsupported, "this version of the library does not know", [&] { (void)known(&later.known); });
}

TEST(CApiArguments, WhatAnOldStructLacksHasItsDefault) {
  // As if `normalise` were the only member of the first version.
  struct Grown {
    std::uint32_t size;
    std::int32_t first;
    std::uint64_t second;
  };
  struct Old {
    std::uint32_t size;
    std::int32_t first;
  } old{.size = sizeof(Old), .first = 7};
  Grown out{.size = sizeof(Grown), .first = 1, .second = 42};
  check_size(old.size, sizeof(Old), alignof(Old), "grown");
  std::memcpy(&out, &old, old.size);
  EXPECT_EQ(out.first, 7);
  EXPECT_EQ(out.second, 42U);
}

TEST(CApiArguments, AnAnswerFillsWhatTheProgramHasRoomFor) {
  struct Room {
    plimsoll_ranked known;
    std::uint64_t later;
    std::uint64_t guard;
  } room{};
  room.known.size = sizeof(plimsoll_ranked) + sizeof room.later;
  room.later = 5;
  room.guard = 6;
  give_struct(plimsoll_ranked{.size = 0, .score = 2, .document = 1, .tokens = 3, .truncated = 1, .reserved = 0},
              &room.known, "plimsoll_ranked");
  EXPECT_EQ(room.known.document, 1U);
  EXPECT_EQ(room.later, 0U);  // not known here
  EXPECT_EQ(room.guard, 6U);  // not the program's struct
  room.known.size = 0;
  expect_error(ErrorCode::usage, "no version of plimsoll_ranked",
               [&] { give_struct(plimsoll_ranked{}, &room.known, "plimsoll_ranked"); });
}

TEST(CApiArguments, TheFirstVersionsSizesAreThoseOfTodayButForWhatHasGrown) {
  EXPECT_EQ(Defaults<plimsoll_runtime_options>::kOldest, sizeof(plimsoll_runtime_options));
  EXPECT_EQ(Defaults<plimsoll_model_options>::kOldest, sizeof(plimsoll_model_options));
  EXPECT_EQ(Defaults<plimsoll_generation_options>::kOldest, offsetof(plimsoll_generation_options, sample));
  EXPECT_EQ(Defaults<plimsoll_chat_options>::kOldest, sizeof(plimsoll_chat_options));
  EXPECT_EQ(Defaults<plimsoll_embed_options>::kOldest, sizeof(plimsoll_embed_options));
  EXPECT_EQ(Defaults<plimsoll_rank_options>::kOldest, sizeof(plimsoll_rank_options));
  EXPECT_EQ(Defaults<plimsoll_host_options>::kOldest, offsetof(plimsoll_host_options, program));
  EXPECT_EQ(Defaults<plimsoll_acquire_options>::kOldest, sizeof(plimsoll_acquire_options));
  EXPECT_EQ(Defaults<plimsoll_monitor_options>::kOldest, sizeof(plimsoll_monitor_options));
  EXPECT_EQ(Defaults<plimsoll_context_options>::kOldest, sizeof(plimsoll_context_options));
  EXPECT_EQ(Defaults<plimsoll_quantize_options>::kOldest, sizeof(plimsoll_quantize_options));
}

}  // namespace
}  // namespace plimsoll::c_api
