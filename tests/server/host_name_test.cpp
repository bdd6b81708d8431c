#include "host_name.hpp"

#include <gtest/gtest.h>

#include "server/server_options.hpp"

namespace plimsoll::server {
namespace {

TEST(HostNameTest, OnlyAddressesOfThisMachineAloneAreLoopback) {
  for (const char* own : {"localhost", "LocalHost", "localhost.", "127.0.0.1", "127.8.9.10", "::1", "0:0:0:0:0:0:0:1",
                          "::ffff:127.0.0.1"})
    EXPECT_TRUE(is_loopback(own)) << own;
  for (const char* other :
       {"", "127.evil.example", "127.0.0.1.evil.example", "127.", "127.0.0", "127.0.0.1.5", "localhost.evil.example",
        "0.0.0.0", "::", "::2", "::1.evil.example", "192.168.1.7", "::ffff:10.0.0.1", "1270.0.0.1"})
    EXPECT_FALSE(is_loopback(other)) << other;
}

TEST(HostNameTest, APortAndBracketsAreNoPartOfAName) {
  EXPECT_EQ(without_port("localhost:8080"), "localhost");
  EXPECT_EQ(without_port("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(without_port("[::1]:8080"), "::1");
  EXPECT_EQ(without_port("[fe80::1]"), "fe80::1");
  EXPECT_EQ(without_port("fe80::1"), "fe80::1");
  EXPECT_EQ(without_port("[::1"), "");
}

TEST(HostNameTest, NamesThatLookLikeAddressesAreNames) {
  EXPECT_TRUE(is_address("10.0.0.1"));
  EXPECT_TRUE(is_address("fe80::1"));
  for (const char* name : {"10.0.0.1.evil.example", "127.evil.example", "quay", "", "10.0.0"})
    EXPECT_FALSE(is_address(name)) << name;
}

TEST(HostNameTest, NamesDifferNeitherInTheirCaseNorInTheRootsDot) {
  EXPECT_TRUE(same_name("Quay.Example", "quay.example."));
  EXPECT_FALSE(same_name("quay.example", "quay.example.net"));
  EXPECT_FALSE(same_name("", ""));
}

}  // namespace
}  // namespace plimsoll::server
