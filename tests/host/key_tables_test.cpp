// API keys of a fleet file, and of a file of their own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "host/fleet_file.hpp"
#include "host/fleet_keys.hpp"

#include "expect_error.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::host {
namespace {

using plimsoll::test::expect_error;
using ::testing::ElementsAre;

constexpr const char* kModel = "[[model]]\npath = \"a.gguf\"\n";
const std::string kHash(64, 'A');

std::vector<std::string> wrong(const std::string& text) {
  const auto fleet = parse_fleet(kModel + text, "/fleet");
  std::vector<std::string> out;
  if (fleet) return out;
  for (const ConfigFileError& error : fleet.error()) out.push_back(std::to_string(error.line) + ": " + error.message);
  return out;
}

TEST(KeyTablesTest, AKeyHasANameAShareAndLimits) {
  const auto fleet = parse_fleet(std::string(kModel) + R"(
[[key]]
name = "crew"
key = "starboard"
weight = 2.5
priority = 3
max-requests = 4
requests-per-minute = 60
tokens-per-minute = 100000
[[key]]
name = "guest"
sha256 = ")" + kHash + "\"\n",
                                 "/fleet");
  ASSERT_TRUE(fleet);
  EXPECT_THAT(fleet->keys, ElementsAre(FleetKey{.name = "crew",
                                                .key = "starboard",
                                                .weight = 2.5F,
                                                .priority = 3,
                                                .max_requests = 4,
                                                .requests_per_minute = 60,
                                                .tokens_per_minute = 100'000},
                                       FleetKey{.name = "guest", .sha256 = std::string(64, 'a')}));
}

TEST(KeyTablesTest, EveryFaultIsToldWithItsLine) {
  EXPECT_THAT(wrong("[[key]]\nname = \"crew\"\nkey = \"two words\"\n"),
              ElementsAre("5: 'key' is empty, or has blanks or control characters in it"));
  EXPECT_THAT(wrong("[[key]]\nkey = \"x\"\n"), ElementsAre("3: a key has no 'name'"));
  EXPECT_THAT(wrong("[[key]]\nname = \"crew\"\n"), ElementsAre("3: a key takes one of 'key', 'key-file' and 'sha256'"));
  EXPECT_THAT(wrong("[[key]]\nname = \"crew\"\nkey = \"x\"\nsha256 = \"" + kHash + "\"\n"),
              ElementsAre("3: a key takes one of 'key', 'key-file' and 'sha256'"));
  EXPECT_THAT(wrong("[[key]]\nname = \"crew\"\nsha256 = \"abc\"\n"),
              ElementsAre("5: 'sha256' takes the 64 hexadecimal digits that sha256sum writes"));
  EXPECT_THAT(wrong("[[key]]\nname = \"crew\"\nkey = \"x\"\nweight = 0\n"), ElementsAre("3: 'weight' must be above 0"));
  EXPECT_THAT(wrong("[[key]]\nname = \"crew\"\nkey = \"x\"\nmax-requests = 0\n"),
              ElementsAre("6: 'max-requests' is 0, and must be 1 to 2147483647"));
  EXPECT_THAT(wrong("[[key]]\nname = \"crew\"\nkey = \"x\"\nshare = 1\n"),
              ElementsAre("6: unknown key 'share' of a key"));
  EXPECT_THAT(wrong("[[key]]\nname = \"crew\"\nkey = \"x\"\n[[key]]\nname = \"crew\"\nkey = \"y\"\n"),
              ElementsAre("6: two keys are called 'crew'"));
  EXPECT_THAT(wrong("[[key]]\nname = \"crew\"\nkey-file = \"nowhere\"\n"),
              ElementsAre("5: the file '/fleet/nowhere' cannot be read"));
}

class KeysFileTest : public testing::Test {
 protected:
  std::vector<FleetKey> keys_in(const std::string& text) {
    std::ofstream(folder.path() / "keys.toml") << text;
    return read_keys_file(folder.path() / "keys.toml");
  }
  plimsoll::test::TemporaryFolder folder;
};

TEST_F(KeysFileTest, MayStandAloneAndNameFilesBesideIt) {
  std::ofstream(folder.path() / "crew.key") << "starboard\r\nwhat follows is no key\n";
  EXPECT_THAT(keys_in("[[key]]\nname = \"crew\"\nkey-file = \"crew.key\"\n"),
              ElementsAre(FleetKey{.name = "crew", .key = "starboard"}));
}

TEST_F(KeysFileTest, SaysWhatIsWrong) {
  expect_error(ErrorCode::usage, "it holds no [[key]]", [&] { (void)keys_in("# nobody\n"); });
  expect_error(ErrorCode::usage, "unknown key 'model'", [&] { (void)keys_in("[[model]]\npath = \"a\"\n"); });
  expect_error(ErrorCode::usage, "keys.toml:1:1: a key has no 'name'",
               [&] { (void)keys_in("[[key]]\nkey = \"x\"\n"); });
  expect_error(ErrorCode::usage, "1 thing is wrong with this key file", [&] { (void)keys_in("[[key"); });
  expect_error(ErrorCode::io, "the key file '", [&] { (void)read_keys_file(folder.path() / "nowhere.toml"); });
  expect_error(ErrorCode::usage, "keys.toml:1", [&] { (void)keys_in("[[key"); });
}

}  // namespace
}  // namespace plimsoll::host
