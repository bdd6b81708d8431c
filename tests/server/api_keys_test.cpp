#include "api_keys.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include <plimsoll/base/error.hpp>
#include "server/server_options.hpp"

#include "temporary_folder.hpp"

namespace plimsoll::server {
namespace {

constexpr const char* kHashOfStarboard = "001dd523aef9118ea2901a6aa54338f3b57575c8d4cec5936b7cf53c2c0f7670";

std::vector<std::string> keys_in(const std::string& text) {
  const test::TemporaryFolder folder;
  std::ofstream(folder.path() / "keys") << text;
  return read_api_keys(folder.path() / "keys");
}

TEST(ApiKeysTest, WithoutKeysEverybodyIsNobodyInParticular) {
  const ApiKeys keys({});
  EXPECT_TRUE(keys.open());
  EXPECT_EQ(keys.owner_of("anything"), "");
}

TEST(ApiKeysTest, EachKeyIsSomebodyAndOthersAreNobody) {
  const ApiKeys keys({"starboard", "larboard"});
  EXPECT_FALSE(keys.open());
  EXPECT_EQ(keys.owner_of("starboard"), "key 1");
  EXPECT_EQ(keys.owner_of("larboard"), "key 2");
  for (const char* other : {"", "starboar", "starboardx", "Starboard"}) EXPECT_EQ(keys.owner_of(other), std::nullopt);
}

TEST(ApiKeysTest, NamedOnesAreKnownByTheirNamesWhetherTheKeyIsGivenOrItsHash) {
  // printf starboard | sha256sum
  const ApiKeys keys({"plain"}, {{.name = "crew", .key = "larboard"}, {.name = "mate", .sha256 = kHashOfStarboard}});
  EXPECT_EQ(keys.owner_of("plain"), "key 1");
  EXPECT_EQ(keys.owner_of("larboard"), "crew");
  EXPECT_EQ(keys.owner_of("starboard"), "mate");
  EXPECT_EQ(keys.owner_of(kHashOfStarboard), std::nullopt);
  EXPECT_EQ(keys.owner_of(""), std::nullopt);
}

// A request at work would be nobody's in the middle of it: of no limits, and among what others have left.
TEST(ApiKeysTest, WhoHadAKeyThatWasTakenAwayIsKnown) {
  ApiKeys keys({"one"}, {{.name = "crew", .key = "larboard"}});
  (void)keys.replace({"two"}, {});
  EXPECT_EQ(keys.owner_of("one"), std::nullopt);
  EXPECT_EQ(keys.last_owner_of("one"), "key 1");
  EXPECT_EQ(keys.last_owner_of("larboard"), "crew");
  EXPECT_EQ(keys.last_owner_of("two"), "key 2");
  EXPECT_EQ(keys.last_owner_of("three"), std::nullopt);
  (void)keys.replace({"one", "two"}, {{.name = "mate", .key = "larboard"}});
  EXPECT_EQ(keys.last_owner_of("one"), "key 1");
  EXPECT_EQ(keys.last_owner_of("larboard"), "mate");
  EXPECT_EQ(ApiKeys({}).last_owner_of("one"), "");
}

// Prompts in memory are by owner: no key may come by what another one has left.
TEST(ApiKeysTest, AreReplacedAndKeepTheirNumbers) {
  ApiKeys keys({"one", "two"}, {{.name = "crew", .key = "larboard"}, {.name = "mate", .key = "starboard"}});
  EXPECT_EQ(keys.replace({"three", "two"}, {{.name = "mate", .key = "another"}}),
            (std::vector<std::string>{"key 1", "crew"}));
  EXPECT_EQ(keys.owner_of("one"), std::nullopt);
  EXPECT_EQ(keys.owner_of("two"), "key 2");
  EXPECT_EQ(keys.owner_of("three"), "key 3");
  EXPECT_EQ(keys.owner_of("larboard"), std::nullopt);
  EXPECT_EQ(keys.owner_of("starboard"), std::nullopt);
  EXPECT_EQ(keys.owner_of("another"), "mate");
  EXPECT_EQ(keys.replace({"one"}, {}), (std::vector<std::string>{"key 3", "key 2", "mate"}));
  EXPECT_EQ(keys.owner_of("one"), "key 1");
  ApiKeys open({});
  EXPECT_EQ(open.replace({"one"}, {}), std::vector<std::string>{""});
  EXPECT_FALSE(open.open());
}

TEST(ApiKeysTest, OwnersAreKnownAgainAfterARestart) {
  const ApiKeys keys({"one", "two"}, {{.name = "crew", .key = "larboard"}});
  EXPECT_EQ(keys.owner_with(keys.lasting_id_of("key 2")), "key 2");
  EXPECT_EQ(ApiKeys({"two"}).owner_with(keys.lasting_id_of("key 2")), "key 1");
  EXPECT_EQ(ApiKeys({"three"}).owner_with(keys.lasting_id_of("key 2")), std::nullopt);
  EXPECT_EQ(keys.owner_with(""), std::nullopt);  // what a server without keys has kept
  EXPECT_EQ(ApiKeys({}).owner_with(""), "");
  EXPECT_EQ(ApiKeys({}).owner_with(keys.lasting_id_of("key 1")), std::nullopt);
  EXPECT_FALSE(keys.lasting_id_of("key 1").contains("one"));
  // One with a name has its own, whatever its key is now.
  const ApiKeys renewed({}, {{.name = "crew", .key = "other"}, {.name = "mate", .key = "larboard"}});
  EXPECT_EQ(renewed.owner_with(keys.lasting_id_of("crew")), "crew");
  EXPECT_NE(renewed.lasting_id_of("mate"), keys.lasting_id_of("crew"));
}

TEST(ApiKeysTest, AFileHasAKeyALine) {
  EXPECT_EQ(keys_in("# crew\nstarboard\r\n\nlarboard"), (std::vector<std::string>{"starboard", "larboard"}));
  EXPECT_THROW((void)keys_in("# nobody\n\n"), Error);
  EXPECT_THROW((void)keys_in("two words\n"), Error);
  EXPECT_THROW((void)read_api_keys("/nowhere/keys"), Error);
}

}  // namespace
}  // namespace plimsoll::server
