// Pieces of files over HTTP, from servers that behave and from others.
#include "remote/http_client.hpp"

#include <gtest/gtest.h>

#include <future>
#include <string_view>
#include <thread>

#include "expect_error.hpp"
#include "scripted_server.hpp"

namespace plimsoll::remote {
namespace {

using test::expect_error;
using test::http_answer;
using test::piece_of;
using test::ScriptedRequest;
using test::ScriptedServer;

HttpClient::Options quick() { return {.between_tries = std::chrono::milliseconds(1)}; }

std::string text_of(const Piece& piece) {
  return {reinterpret_cast<const char*>(piece.bytes.data()), piece.bytes.size()};
}

class HttpClientTest : public testing::Test {
 protected:
  HttpClient client{quick()};
  const std::string bytes = "0123456789abcdef";
};

TEST_F(HttpClientTest, APieceOfAFile) {
  const ScriptedServer server([&](const ScriptedRequest& r) { return piece_of(bytes, r, "ETag: \"v1\"\r\n"); });
  const Piece piece = client.read(server.url("/m"), 10, 4);
  EXPECT_EQ(text_of(piece), "abcd");
  EXPECT_EQ(piece.from, 10U);
  EXPECT_TRUE(piece.has_ranges);
  EXPECT_EQ(piece.length, 16U);
  EXPECT_EQ(piece.version, "\"v1\"");
  EXPECT_EQ(text_of(client.read(server.url("/m"), 14, 100)), "ef");
  expect_error(ErrorCode::io, "it has no 17 bytes", [&] { (void)client.read(server.url("/m"), 16, 1); });
}

TEST_F(HttpClientTest, AServerWithoutPiecesIsCutOffWhereItIsEnough) {
  const std::string large(8U << 20U, 'x');
  const ScriptedServer server([&](const ScriptedRequest&) { return http_answer("200 OK", bytes + large); });
  const Piece piece = client.read(server.url("/m"), 2, 4);
  EXPECT_EQ(text_of(piece), "012345");
  EXPECT_EQ(piece.from, 0U);
  EXPECT_FALSE(piece.has_ranges);
  EXPECT_EQ(piece.length, bytes.size() + large.size());
}

TEST_F(HttpClientTest, OtherBytesThanWereAskedForAreNotTaken) {
  const ScriptedServer server([&](const ScriptedRequest&) {
    return http_answer("206 Partial Content", "0123", "Content-Range: bytes 0-3/16\r\n");
  });
  expect_error(ErrorCode::io, "other bytes", [&] { (void)client.read(server.url("/m"), 4, 4); });
}

TEST_F(HttpClientTest, WhatFailsForAMomentIsTriedAgain) {
  int asked = 0;
  const ScriptedServer server([&](const ScriptedRequest& r) {
    ++asked;
    if (asked == 1) return http_answer("503 Service Unavailable", "");
    const std::string whole = piece_of(bytes, r);
    return asked == 2 ? whole.substr(0, whole.size() - 2) : whole;  // broken off
  });
  EXPECT_EQ(text_of(client.read(server.url("/m"), 0, 8)), "01234567");
  EXPECT_EQ(server.requests().size(), 3U);
}

// The page of an error is longer than the piece that was asked for, and says nothing of the file.
TEST_F(HttpClientTest, WhatFailsForAMomentMaySayManyWords) {
  int asked = 0;
  const ScriptedServer server([&](const ScriptedRequest& r) {
    return ++asked < 3 ? http_answer("429 Too Many Requests", "<html>slow down</html>") : piece_of(bytes, r);
  });
  EXPECT_EQ(text_of(client.read(server.url("/m"), 0, 1)), "0");
  EXPECT_EQ(server.requests().size(), 3U);
}

TEST_F(HttpClientTest, OfAServerWithoutPiecesNothingIsReadWhereNothingIsWanted) {
  const ScriptedServer server([&](const ScriptedRequest&) { return http_answer("200 OK", bytes); });
  const Piece piece = client.read(server.url("/m"), 2, 4, HttpClient::WithoutRanges::nothing);
  EXPECT_FALSE(piece.has_ranges);
  EXPECT_EQ(text_of(piece), "");
}

TEST_F(HttpClientTest, PackedBytesAreNotTakenForTheFiles) {
  for (const char* status : {"200 OK", "206 Partial Content"}) {
    const ScriptedServer server([&](const ScriptedRequest&) {
      return http_answer(status, "0123", "Content-Range: bytes 0-3/16\r\ncONTENT-eNCODING: GZip\r\n");
    });
    expect_error(ErrorCode::io, "Content-Encoding: gzip", [&] { (void)client.read(server.url("/m"), 0, 4); });
  }
  const ScriptedServer plain(
      [&](const ScriptedRequest& r) { return piece_of(bytes, r, "Content-Encoding: identity\r\n"); });
  EXPECT_EQ(text_of(client.read(plain.url("/m"), 0, 4)), "0123");
}

TEST_F(HttpClientTest, APackedTextIsUnpacked) {
  constexpr std::string_view kPacked(  // "[]"
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x8b\x8e\x05\x00\x29\xbb\x4c\x0d\x02\x00\x00\x00", 22);
  const ScriptedServer server([&](const ScriptedRequest&) {
    return http_answer("200 OK", std::string(kPacked), "Content-Encoding: gzip\r\n");
  });
  EXPECT_EQ(client.text(server.url("/list"), 100).text, "[]");
}

TEST_F(HttpClientTest, AHeadWithoutEndIsGivenUp) {
  std::string head = "HTTP/1.1 206 Partial Content\r\n";
  while (head.size() < (8U << 20U)) head += "X-Filling: " + std::string(1000, 'x') + "\r\n";
  const ScriptedServer server([&](const ScriptedRequest&) { return head; });
  expect_error(ErrorCode::io, server.url("/m"), [&] { (void)client.read(server.url("/m"), 0, 4); });
}

TEST_F(HttpClientTest, AServerThatSaysNothingIsGivenUp) {
  std::promise<void> is_over;
  const std::shared_future<void> over = is_over.get_future().share();
  const ScriptedServer server([&](const ScriptedRequest&) {
    over.wait();
    return std::string();
  });
  HttpClient impatient({.silence = std::chrono::seconds(1)});
  expect_error(ErrorCode::io, server.url("/m"), [&] { (void)impatient.read(server.url("/m"), 0, 4); });
  is_over.set_value();
}

// Ten bytes a second would keep a plan waiting for weeks.
TEST_F(HttpClientTest, AServerThatSendsAByteNowAndThenIsGivenUp) {
  const ScriptedServer server([&](const ScriptedRequest& r) { return piece_of(std::string(1U << 20U, 'x'), r); },
                              std::chrono::milliseconds(100));
  HttpClient impatient({.silence = std::chrono::seconds(1)});
  expect_error(ErrorCode::io, server.url("/m"), [&] { (void)impatient.read(server.url("/m"), 0, 1U << 20U); });
}

TEST_F(HttpClientTest, WhatGoesOnFailingIsSaidWithTheAddress) {
  const ScriptedServer broken([&](const ScriptedRequest& r) { return piece_of(bytes, r).substr(0, 20); });
  expect_error(ErrorCode::io, broken.url("/m"), [&] { (void)client.read(broken.url("/m"), 0, 8); });
  EXPECT_EQ(broken.requests().size(), 3U);
  const ScriptedServer missing([](const ScriptedRequest&) { return http_answer("404 Not Found", "no"); });
  expect_error(ErrorCode::io, "nothing at this address", [&] { (void)client.read(missing.url("/m"), 0, 8); });
  EXPECT_EQ(missing.requests().size(), 1U);
  std::string gone;
  {
    gone = ScriptedServer([](const ScriptedRequest&) { return ""; }).url("/m");
  }
  expect_error(ErrorCode::io, gone, [&] { (void)client.read(gone, 0, 8); });
}

TEST_F(HttpClientTest, ATokenGoesToTheHubAloneAndNotWhereItRedirectsTo) {
  const ScriptedServer store([&](const ScriptedRequest& r) { return piece_of(bytes, r); });
  const ScriptedServer hub([&](const ScriptedRequest& r) {
    const std::string host = r.path() == "/beside" ? "127.0.0.1" : "localhost";  // another host, or another port
    return http_answer("302 Found", "", "Location: " + store.url("/blob", host) + "\r\nETag: \"of the redirect\"\r\n");
  });
  HttpClient with_token({.hub = {.endpoint = hub.url(""), .token = "hf_secret"}});
  const Piece piece = with_token.read(hub.url("/o/r/resolve/main/m.gguf"), 0, 4);
  EXPECT_EQ(text_of(piece), "0123");
  EXPECT_EQ(piece.version, "");
  EXPECT_EQ(hub.requests().at(0).header("authorization"), "Bearer hf_secret");
  EXPECT_EQ(store.requests().at(0).header("authorization"), "");
  (void)with_token.read(store.url("/m"), 0, 4);
  EXPECT_EQ(store.requests().at(1).header("authorization"), "");
  (void)with_token.read(hub.url("/beside"), 0, 4);
  EXPECT_EQ(hub.requests().at(1).header("authorization"), "Bearer hf_secret");
  EXPECT_EQ(store.requests().at(2).header("authorization"), "");
}

TEST_F(HttpClientTest, WhatIsNotOpenSaysWhatToDo) {
  const ScriptedServer hub([](const ScriptedRequest&) { return http_answer("401 Unauthorized", ""); });
  expect_error(ErrorCode::io, "does not exist, or is not open to everybody (then set HF_TOKEN",
               [&] { (void)client.read(hub.url("/m"), 0, 1); });
  HttpClient with_token({.hub = {.endpoint = hub.url(""), .token = "hf_x"}});
  expect_error(ErrorCode::io, "the token of HF_TOKEN may not read it",
               [&] { (void)with_token.read(hub.url("/m"), 0, 1); });
}

TEST_F(HttpClientTest, RedirectsEnd) {
  const ScriptedServer server(
      [&](const ScriptedRequest& r) { return http_answer("302 Found", "", "Location: " + r.path() + "x\r\n"); });
  expect_error(ErrorCode::io, "redirect", [&] { (void)client.read(server.url("/m"), 0, 1); });
  EXPECT_EQ(server.requests().size(), 9U);
  const ScriptedServer to_file(
      [](const ScriptedRequest&) { return http_answer("302 Found", "", "Location: file:///etc/hostname\r\n"); });
  expect_error(ErrorCode::io, "cannot be read", [&] { (void)client.read(to_file.url("/m"), 0, 1); });
}

TEST_F(HttpClientTest, ItStopsWhenItIsAskedTo) {
  std::stop_source source;
  const ScriptedServer server([&](const ScriptedRequest&) {
    source.request_stop();
    return http_answer("503 Service Unavailable", "");
  });
  HttpClient stopped({.stop = source.get_token(), .between_tries = std::chrono::hours(1)});
  expect_error(ErrorCode::cancelled, "cancelled", [&] { (void)stopped.read(server.url("/m"), 0, 1); });
}

TEST_F(HttpClientTest, ATextIsBoundedAndNamesItsNextPage) {
  const ScriptedServer server([&](const ScriptedRequest&) {
    return http_answer("200 OK", "[]", "Link: <http://h/first>; rel=\"first\", <http://h/next>; rel=\"next\"\r\n");
  });
  const HttpClient::Text text = client.text(server.url("/list"), 2);
  EXPECT_EQ(text.text, "[]");
  EXPECT_EQ(text.next, "http://h/next");
  expect_error(ErrorCode::io, "longer than 1 bytes", [&] { (void)client.text(server.url("/list"), 1); });
}

}  // namespace
}  // namespace plimsoll::remote
