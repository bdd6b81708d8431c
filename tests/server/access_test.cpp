#include "access.hpp"

#include <gtest/gtest.h>

#include <new>

namespace plimsoll::server {
namespace {

httplib::Request request_of(const char* version) {
  httplib::Request out;
  out.version = version;
  return out;
}

httplib::Request from_page(const char* origin) {
  httplib::Request out;
  out.headers = {{"Origin", origin}, {"Host", "127.0.0.1:8080"}};
  return out;
}

// Web interfaces on another port, and programs whose windows are pages, ask with their own origin.
TEST(AccessTest, PagesOfProgramsOnTheirUsersMachineAreLetIn) {
  for (const char* origin :
       {"http://localhost:3000", "https://localhost", "http://127.0.0.1:5173", "http://[::1]:80",
        "http://tauri.localhost", "tauri://localhost", "app://obsidian.md", "vscode-webview://1a2b", "file://"}) {
    const httplib::Request request = from_page(origin);
    EXPECT_FALSE(is_from_another_page(request, {}, false)) << origin;
    httplib::Response response;
    allow_origin(request, response, {}, false);
    EXPECT_EQ(response.get_header_value("Access-Control-Allow-Origin"), origin);
  }
}

TEST(AccessTest, PagesOfTheNetworkAreNot) {
  for (const char* origin : {"https://evil.example", "http://localhost.evil.example", "http://127.0.0.1.evil.example",
                             "http://evil.example:3000", "https://notlocalhost", "null", "chrome-extension://abc"}) {
    const httplib::Request request = from_page(origin);
    EXPECT_TRUE(is_from_another_page(request, {}, false)) << origin;
    httplib::Response response;
    allow_origin(request, response, {}, false);
    EXPECT_FALSE(response.has_header("Access-Control-Allow-Origin")) << origin;
  }
}

// llama-server lets all pages ask; a page that has a key was given it.
TEST(AccessTest, WhereAKeyIsNeededAPageOfAnyOriginMayAsk) {
  httplib::Request request = from_page("https://chat.example");
  request.path = "/v1/chat/completions";
  EXPECT_FALSE(is_from_another_page(request, {}, true));
  httplib::Response response;
  allow_origin(request, response, {}, true);
  EXPECT_EQ(response.get_header_value("Access-Control-Allow-Origin"), "https://chat.example");
  for (const char* open : {"/", "/health", "/v1/health", "/ping"}) {
    request.path = open;
    EXPECT_TRUE(is_from_another_page(request, {}, true)) << open;
  }
}

TEST(AccessTest, OriginsThatAreNamedAreTheOnlyOnesBesideThoseOfThisMachine) {
  ServerOptions options;
  options.cors_origins = {"localhost"};  // as llama-server calls the machine's own
  httplib::Request request = from_page("https://chat.example");
  request.path = "/v1/chat/completions";
  EXPECT_TRUE(is_from_another_page(request, options, true));
  request = from_page("http://localhost:8000");
  EXPECT_FALSE(is_from_another_page(request, options, true));
}

TEST(PutStreamTest, AStreamThatThrowsBreaksOff) {
  for (const char* version : {"HTTP/1.1", "HTTP/1.0"}) {
    httplib::Response response;
    put_stream(request_of(version), response, "text/event-stream",
               [](std::size_t, httplib::DataSink&) -> bool { throw std::bad_alloc(); });
    httplib::DataSink sink;
    ASSERT_TRUE(response.content_provider_);
    EXPECT_FALSE(response.content_provider_(0, 0, sink)) << version;
  }
}

TEST(PutStreamTest, OneThatDoesNotGoesOnAsItSays) {
  httplib::Response response;
  bool goes_on = true;
  put_stream(request_of("HTTP/1.1"), response, "text/event-stream",
             [&](std::size_t, httplib::DataSink&) { return goes_on; });
  httplib::DataSink sink;
  EXPECT_TRUE(response.content_provider_(0, 0, sink));
  goes_on = false;
  EXPECT_FALSE(response.content_provider_(0, 0, sink));
}

}  // namespace
}  // namespace plimsoll::server
