// Files from addresses that somebody else has named: what they may reach, and how much they may take.
#include "remote/fetch_file.hpp"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "expect_error.hpp"
#include "scripted_server.hpp"

namespace plimsoll::remote {
namespace {

using test::expect_error;
using test::http_answer;
using test::ScriptedRequest;
using test::ScriptedServer;

const FetchRules kFromHere{.hosts = {"127.0.0.1"}, .longest = 100};

std::string fetch(const std::string& url, const FetchRules& rules = kFromHere) { return fetch_file(url, rules, {}); }

TEST(FetchFileTest, AFileWithWhatItTakes) {
  const ScriptedServer server([](const ScriptedRequest&) { return http_answer("200 OK", "a picture"); });
  EXPECT_EQ(fetch(server.url("/a.png?size=1")), "a picture");
  EXPECT_EQ(server.requests().front().path(), "/a.png?size=1");
  EXPECT_EQ(server.requests().front().header("authorization"), "");
}

TEST(FetchFileTest, WhereNoHostIsNamedThoseAtPublicAddressesMayBeAsked) {
  const ScriptedServer server([](const ScriptedRequest&) { return http_answer("200 OK", "secret"); });
  for (const char* host : {"127.0.0.1", "localhost", "127.1", "0x7f000001", "[::ffff:127.0.0.1]", "0.0.0.0"}) {
    const std::string url = server.url("/a", host);
    expect_error(ErrorCode::usage, "is not public", [&] { (void)fetch(url, {.longest = 100}); });
  }
  EXPECT_TRUE(server.requests().empty());
}

TEST(FetchFileTest, WhereHostsAreNamedNoOtherIsAsked) {
  const ScriptedServer server([](const ScriptedRequest&) { return http_answer("200 OK", "here"); });
  const auto with = [](std::string host) { return FetchRules{.hosts = {std::move(host)}, .longest = 100}; };
  EXPECT_EQ(fetch(server.url("/a", "LOCALHOST"), with("localhost")), "here");
  EXPECT_EQ(fetch(server.url("/a", "localhost."), with("localhost")), "here");
  for (const char* host : {"example.org", ".localhost", "ocalhost", "localhost.example.org"})
    expect_error(ErrorCode::usage, "none of the hosts",
                 [&] { (void)fetch(server.url("/a", "localhost"), with(host)); });
  expect_error(ErrorCode::usage, "'a.example.net'",
               [&] { (void)fetch("http://a.example.net/", with(".example.org")); });
}

TEST(FetchFileTest, EachRedirectIsJudgedByTheSameRules) {
  const ScriptedServer other([](const ScriptedRequest&) { return http_answer("200 OK", "secret"); });
  std::string target;
  const ScriptedServer server([&](const ScriptedRequest& request) {
    if (request.path() == "/b") return http_answer("200 OK", "here");
    return http_answer("302 Found", std::string(50, 'x'), "Location: " + target + "\r\n");
  });
  target = "/b";
  EXPECT_EQ(fetch(server.url("/a")), "here");
  target = other.url("/", "localhost");
  expect_error(ErrorCode::usage, "none of the hosts", [&] { (void)fetch(server.url("/a")); });
  target = "file:///etc/passwd";
  expect_error(ErrorCode::usage, "no address of a file", [&] { (void)fetch(server.url("/a")); });
  target = "/a";
  expect_error(ErrorCode::io, "on and on", [&] { (void)fetch(server.url("/a")); });
  EXPECT_TRUE(other.requests().empty());
}

TEST(FetchFileTest, NoMoreIsTakenThanIsWanted) {
  std::string head;
  const ScriptedServer server([&](const ScriptedRequest&) { return head + std::string(101, 'x'); });
  for (const char* length : {"Content-Length: 101\r\n", "Content-Length: 5000000000\r\n", ""}) {
    head = std::string("HTTP/1.1 200 OK\r\n") + length + "\r\n";
    expect_error(ErrorCode::io, "larger than 100 bytes", [&] { (void)fetch(server.url("/a")); });
  }
  head = "HTTP/1.1 200 OK\r\n\r\n";
  EXPECT_EQ(fetch(server.url("/a"), {.hosts = {"127.0.0.1"}, .longest = 101}).size(), 101U);
}

TEST(FetchFileTest, WhatCannotBeReadIsSaid) {
  const ScriptedServer server([](const ScriptedRequest&) { return http_answer("404 Not Found", "no"); });
  expect_error(ErrorCode::io, "status 404", [&] { (void)fetch(server.url("/a")); });
  std::string with_user = server.url("/a");
  with_user.insert(with_user.find("//") + 2, "user:word@");
  EXPECT_THROW((void)fetch(with_user), Error);
  expect_error(ErrorCode::usage, "no address", [] { (void)fetch("http://"); });
  expect_error(ErrorCode::usage, "none of the hosts", [] { (void)fetch("gopher://x/"); });
}

TEST(FetchFileTest, AServerThatDawdlesIsGivenUpInTime) {
  const ScriptedServer server([](const ScriptedRequest&) { return http_answer("200 OK", std::string(90, 'x')); },
                              std::chrono::milliseconds(100));
  const auto begin = std::chrono::steady_clock::now();
  FetchRules hurried = kFromHere;
  hurried.limit = std::chrono::milliseconds(500);
  expect_error(ErrorCode::io, "", [&] { (void)fetch(server.url("/a"), hurried); });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(FetchFileTest, WhoeverWaitedForItMayLeave) {
  std::promise<void> is_over;
  const std::shared_future<void> over = is_over.get_future().share();
  std::stop_source stop;
  const ScriptedServer server([&](const ScriptedRequest&) {
    stop.request_stop();
    over.wait();
    return std::string();
  });
  expect_error(ErrorCode::cancelled, "", [&] { (void)fetch_file(server.url("/a"), kFromHere, stop.get_token()); });
  is_over.set_value();
}

}  // namespace
}  // namespace plimsoll::remote
