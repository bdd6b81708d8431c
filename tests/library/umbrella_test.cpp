// What a program sees that includes plimsoll.hpp and nothing else of ours: also what it catches.
#include <plimsoll/plimsoll.hpp>

#include <gtest/gtest.h>

#include <string>

namespace {

TEST(UmbrellaTest, HasTheErrorsThatTheLibraryThrows) {
  const auto refused = [] {
    throw plimsoll::memory::Refused({.by = plimsoll::memory::RefusedBy::budget,
                                     .device = plimsoll::device::DeviceId{"CUDA0"},
                                     .owner = "chat",
                                     .requested = plimsoll::Bytes{3},
                                     .available = plimsoll::Bytes{2}},
                                    "loading 'chat'");
  };
  EXPECT_THROW(refused(), plimsoll::memory::Refused);
  try {
    refused();
  } catch (const plimsoll::Error& error) {
    EXPECT_EQ(error.code(), plimsoll::ErrorCode::over_budget);
    EXPECT_EQ(error.numbers(), (plimsoll::Error::Numbers{{"requested", 3}, {"available", 2}}));
    EXPECT_TRUE(std::string(error.what()).starts_with("loading 'chat'"));
  }
}

}  // namespace
