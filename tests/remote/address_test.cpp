// Addresses of models on other machines.
#include "remote/address.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "expect_error.hpp"

namespace plimsoll::remote {
namespace {

using test::expect_error;

TEST(AddressTest, IsToldFromAPathByItsBeginning) {
  for (const char* text : {"https://h/m.gguf", "http://h/m.gguf", "hf:o/r"}) EXPECT_TRUE(is_remote(text)) << text;
  for (const char* text : {"m.gguf", "/a/https://h/m.gguf", "hf", "./hf:o/r", "ftp://h/m.gguf", ""})
    EXPECT_FALSE(is_remote(text)) << text;
}

TEST(AddressTest, HubNames) {
  EXPECT_EQ(hub_name("hf:o/r"), (HubName{.repository = "o/r"}));
  EXPECT_EQ(hub_name("hf:o/r:a/b.gguf"), (HubName{.repository = "o/r", .file = "a/b.gguf"}));
  EXPECT_EQ(hub_name("hf:o/r@v2:Q4_K_M"), (HubName{.repository = "o/r", .revision = "v2", .file = "Q4_K_M"}));
  EXPECT_EQ(hub_name("https://h/m.gguf"), std::nullopt);
  for (const char* text : {"hf:", "hf:o", "hf:o/", "hf:/r", "hf:o/r/x", "hf:o/r@", "hf:o/r@:f"})
    expect_error(ErrorCode::usage, "hf:OWNER/REPO", [&] { (void)hub_name(text); });
  expect_error(ErrorCode::usage, "names no file", [] { (void)hub_name("hf:o/r:"); });
}

TEST(AddressTest, UrlsOfTheHub) {
  const Hub hub{.endpoint = "https://hub.example"};
  EXPECT_EQ(url_of(hub, {.repository = "o/r"}, "a b/ä#?.gguf"),
            "https://hub.example/o/r/resolve/main/a%20b/%C3%A4%23%3F.gguf");
  EXPECT_EQ(listing_url(hub, {.repository = "o/r", .revision = "v2"}),
            "https://hub.example/api/models/o/r/tree/v2?recursive=true");
  // One part of the path: the hub would take what follows a slash for folders.
  const HubName request{.repository = "o/r", .revision = "refs/pr/1"};
  EXPECT_EQ(url_of(hub, request, "a/m.gguf"), "https://hub.example/o/r/resolve/refs%2Fpr%2F1/a/m.gguf");
  EXPECT_EQ(listing_url(hub, request), "https://hub.example/api/models/o/r/tree/refs%2Fpr%2F1?recursive=true");
}

TEST(AddressTest, TheEnvironmentNamesAnotherHubAndAToken) {
  setenv("HF_ENDPOINT", "http://mirror.example:8080/hub//", 1);
  setenv("HF_TOKEN", "hf_secret", 1);
  EXPECT_EQ(hub_of_environment(), (Hub{.endpoint = "http://mirror.example:8080/hub", .token = "hf_secret"}));
  setenv("HF_ENDPOINT", " http://mirror.example/hub/\n", 1);
  EXPECT_EQ(hub_of_environment().endpoint, "http://mirror.example/hub");
  for (const char* none : {"mirror.example", "https://h/a?b=c", "https://h/a#b", "https://h/a b", "https:///a"}) {
    setenv("HF_ENDPOINT", none, 1);
    expect_error(ErrorCode::usage, "HF_ENDPOINT", [] { (void)hub_of_environment(); });
  }
  setenv("HF_ENDPOINT", " ", 1);
  EXPECT_EQ(hub_of_environment().endpoint, Hub{}.endpoint);
  unsetenv("HF_ENDPOINT");
  setenv("HF_TOKEN", " hf_secret\r\n", 1);  // as $(cat token) of some shells has it
  EXPECT_EQ(hub_of_environment().token, "hf_secret");
  setenv("HF_TOKEN", "\n", 1);
  EXPECT_EQ(hub_of_environment().token, "");
  unsetenv("HF_TOKEN");
  EXPECT_EQ(hub_of_environment(), Hub{});
}

TEST(AddressTest, OriginsAreComparedAsServersAre) {
  EXPECT_EQ(origin_of("https://H.Example:443/a?b"), "https://h.example:443");
  EXPECT_EQ(origin_of("https://user:word@h/a"), "https://h");
  EXPECT_EQ(origin_of("https://h@evil.example/a"), "https://evil.example");
  EXPECT_EQ(origin_of("https://"), "");
  EXPECT_EQ(origin_of("hf:o/r"), "");
}

TEST(AddressTest, FileNames) {
  EXPECT_EQ(file_name_of("https://h/a/m%20x.gguf?download=true#x"), "m x.gguf");
  EXPECT_EQ(file_name_of("https://h/a/..%2F..%2Fetc%2Fpasswd"), "....etcpasswd");
  EXPECT_EQ(file_name_of("https://h/a/%2e%2e"), "model.gguf");
  EXPECT_EQ(file_name_of("https://h"), "model.gguf");
  EXPECT_EQ(file_name_of("https://h/" + std::string(1000, 'x') + ".gguf").size(), 200U);
}

TEST(AddressTest, PartsOfASplitKeepTheirQuery) {
  EXPECT_EQ(split_urls("https://h/m-00001-of-00002.gguf?x=1"),
            (std::vector<std::string>{"https://h/m-00001-of-00002.gguf?x=1", "https://h/m-00002-of-00002.gguf?x=1"}));
  EXPECT_EQ(split_urls("https://h/m.gguf"), std::vector<std::string>{"https://h/m.gguf"});
}

}  // namespace
}  // namespace plimsoll::remote
