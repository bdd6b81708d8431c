// Addresses of RPC servers, and which of them may be used without asking twice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <plimsoll/base/error.hpp>
#include "device/rpc_address.hpp"
#include "device/rpc_servers.hpp"

namespace plimsoll::device {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(RpcAddressTest, IsHostAndPort) {
  EXPECT_EQ(parse_rpc_address("10.0.0.2:50052"), (RpcAddress{.host = "10.0.0.2", .port = 50052}));
  EXPECT_EQ(parse_rpc_address(" big-box.local:1 ")->text(), "big-box.local:1");
}

TEST(RpcAddressTest, SaysWhatIsWrong) {
  for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{{"", "HOST:PORT"},
                                                                                  {"10.0.0.2", "HOST:PORT"},
                                                                                  {":50052", "names no host"},
                                                                                  {"a b:50052", "names no host"},
                                                                                  {"host:", "from 1 to 65535"},
                                                                                  {"host:0", "from 1 to 65535"},
                                                                                  {"host:65536", "from 1 to 65535"},
                                                                                  {"host:-1", "from 1 to 65535"},
                                                                                  {"host:50052x", "from 1 to 65535"},
                                                                                  {"[::1]:50052", "IPv4"},
                                                                                  {"http://host:50052", "IPv4"}}) {
    const auto parsed = parse_rpc_address(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error(), HasSubstr(why)) << text;
  }
}

std::string refused(const std::vector<std::string>& texts) {
  try {
    (void)parse_rpc_addresses(texts);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    return error.what();
  }
  return "nothing";
}

TEST(RpcAddressTest, SeveralStandBetweenCommas) {
  EXPECT_THAT(parse_rpc_addresses({"a:1,b:2", "c:3"}),
              ElementsAre(RpcAddress{"a", 1}, RpcAddress{"b", 2}, RpcAddress{"c", 3}));
  EXPECT_THAT(parse_rpc_addresses({}), IsEmpty());
  EXPECT_THAT(refused({"a:1,b:2", "a:1"}), HasSubstr("a:1 is named twice"));
  EXPECT_THAT(refused({"a:1,,b:2"}), HasSubstr("HOST:PORT"));
  EXPECT_THAT(refused({"a:1,"}), HasSubstr("HOST:PORT"));
  std::vector<std::string> many;
  for (int i = 1; i <= 17; ++i) many.push_back("a:" + std::to_string(i));
  EXPECT_THAT(refused(many), HasSubstr("16 at most"));
}

constexpr std::uint32_t ip(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24U | b << 16U | c << 8U | d;
}

TEST(RpcAddressTest, KnowsWhatIsPrivate) {
  for (const std::uint32_t one : {ip(127, 0, 0, 1), ip(127, 255, 255, 255), ip(10, 0, 0, 0), ip(10, 255, 255, 255),
                                  ip(172, 16, 0, 1), ip(172, 31, 255, 255), ip(192, 168, 0, 1), ip(169, 254, 3, 4)})
    EXPECT_TRUE(is_private(one)) << std::hex << one;
  for (const std::uint32_t one : {ip(126, 255, 255, 255), ip(128, 0, 0, 0), ip(11, 0, 0, 0), ip(9, 255, 255, 255),
                                  ip(172, 15, 255, 255), ip(172, 32, 0, 0), ip(192, 167, 255, 255), ip(192, 169, 0, 0),
                                  ip(100, 64, 0, 1), ip(8, 8, 8, 8), ip(0, 0, 0, 0), ip(255, 255, 255, 255)})
    EXPECT_FALSE(is_private(one)) << std::hex << one;
}

TEST(RpcAddressTest, RefusesWhatOthersReach) {
  EXPECT_NO_THROW((void)resolved({{"127.0.0.1", 50052}, {"192.168.3.4", 50052}}, RpcPlaces::of_private_networks));
  EXPECT_NO_THROW((void)resolved({{"203.0.113.7", 50052}}, RpcPlaces::anywhere));
  try {
    (void)resolved({{"127.0.0.1", 50052}, {"203.0.113.7", 50052}}, RpcPlaces::of_private_networks);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_THAT(error.what(), HasSubstr("203.0.113.7:50052"));
    EXPECT_THAT(error.what(), HasSubstr("--rpc-insecure"));
  }
}

// Whoever answers for the name may say something else when it is asked again.
TEST(RpcAddressTest, WhatANameMeansIsAskedOnce) {
  int asked = 0;
  const auto changing = [&](const RpcAddress& server) -> std::vector<std::uint32_t> {
    EXPECT_EQ(server.text(), "big-box:50052");
    return {++asked == 1 ? ip(10, 0, 0, 2) : ip(203, 0, 113, 7)};
  };
  const auto servers = resolved({{"big-box", 50052}, {"10.0.0.3", 1}}, RpcPlaces::of_private_networks, changing);
  ASSERT_EQ(servers.size(), 2U);
  EXPECT_EQ(servers[0].text(), "10.0.0.2:50052");
  EXPECT_EQ(servers[0].written(), "big-box:50052");
  EXPECT_EQ(servers[0].shown(), "big-box:50052 (10.0.0.2)");
  EXPECT_EQ(servers[1].shown(), "10.0.0.3:1");
  set_rpc_servers(servers, RpcUse::elsewhere);
  EXPECT_THAT(rpc_arguments(), ElementsAre("--rpc", "10.0.0.2:50052,10.0.0.3:1"));  // what children are told
  set_rpc_servers({}, RpcUse::elsewhere);
  EXPECT_EQ(resolved(servers, RpcPlaces::of_private_networks, changing), servers);
  EXPECT_EQ(asked, 1);
}

TEST(RpcAddressTest, NoAddressOfANameMayBeReachedByOthers) {
  const auto both = [](const RpcAddress&) -> std::vector<std::uint32_t> { return {ip(10, 0, 0, 2), ip(8, 8, 8, 8)}; };
  EXPECT_THROW((void)resolved({{"big-box", 1}}, RpcPlaces::of_private_networks, both), Error);
  EXPECT_EQ(resolved({{"big-box", 1}}, RpcPlaces::anywhere, both).front().host, "10.0.0.2");
}

TEST(RpcAddressTest, TwoNamesOfOneServerAreSaid) {
  const auto one = [](const RpcAddress&) -> std::vector<std::uint32_t> { return {ip(10, 0, 0, 2)}; };
  try {
    (void)resolved({{"10.0.0.2", 1}, {"big-box", 1}}, RpcPlaces::of_private_networks, one);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_THAT(error.what(), HasSubstr("10.0.0.2:1 and big-box:1 are one"));
  }
}

TEST(RpcServersTest, ArePassedOnAsOneArgument) {
  EXPECT_THAT(rpc_arguments(), IsEmpty());
  set_rpc_servers(parse_rpc_addresses({"a:1,b:2"}), RpcUse::elsewhere);
  EXPECT_THAT(rpc_arguments(), ElementsAre("--rpc", "a:1,b:2"));
  EXPECT_FALSE(may_ask_engine_about("c:3"));
  EXPECT_NO_THROW(add_rpc_devices());  // nothing of them is in this process
  set_rpc_servers({}, RpcUse::elsewhere);
}

}  // namespace
}  // namespace plimsoll::device
