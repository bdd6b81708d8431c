#include "arriving_body.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "memory/ledger.hpp"

namespace plimsoll::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

httplib::Request request_with(std::initializer_list<std::pair<const char*, const char*>> headers) {
  httplib::Request out;
  for (const auto& [name, value] : headers) out.headers.emplace(name, value);
  return out;
}

TEST(AnnouncedBodyTest, IsItsLengthOrWhatMayCome) {
  EXPECT_EQ(announced_body(request_with({}), 5_MiB), 0U);
  EXPECT_EQ(announced_body(request_with({{"Content-Length", "7"}}), 5_MiB), 7U);
  EXPECT_EQ(announced_body(request_with({{"Transfer-Encoding", "chunked"}}), 5_MiB), (5_MiB).value());
}

TEST(TimeForBodyTest, GrowsWithTheBody) {
  EXPECT_EQ(time_for_body(1000, seconds(30)), seconds(30));
  EXPECT_EQ(time_for_body(16 << 20, seconds(30)), seconds(30 + 256));
}

class TakeInTest : public testing::Test {
 protected:
  TakeInTest() { ledger.set_budget(device::host(), 8_MiB); }
  // In pieces of 16 KiB, as many as are taken.
  static httplib::ContentReader pieces(std::size_t count) {
    return {[count](const httplib::ContentReceiver& receiver) {
              const std::string piece(16 << 10, 'x');
              for (std::size_t i = 0; i < count; ++i) {
                if (!receiver(piece.data(), piece.size())) return false;
              }
              return true;
            },
            nullptr};
  }
  memory::Ledger ledger;
  RequestMemory memory{ledger, [] { return false; }};
  std::unique_ptr<RequestMemory::Share> share = memory.take(0);
  std::string body;
  std::optional<api::Problem> refused;
};

TEST_F(TakeInTest, WhatWasNotAnnouncedIsChargedAsItArrives) {
  EXPECT_TRUE(take_in(pieces(64), body, 0, *share, refused));
  EXPECT_EQ(body.size(), 1U << 20U);
  EXPECT_GE(memory.held(), 1_MiB);
  EXPECT_FALSE(refused);
}

TEST_F(TakeInTest, WhatIsChargedAlreadyIsNotChargedAgain) {
  EXPECT_TRUE(take_in(pieces(64), body, 1 << 20, *share, refused));
  EXPECT_EQ(body.size(), 1U << 20U);
  EXPECT_EQ(memory.held(), Bytes{});
}

TEST_F(TakeInTest, WhereTheBudgetIsShortNoMoreIsTaken) {
  EXPECT_FALSE(take_in(pieces(1024), body, 0, *share, refused));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status(), 503);
  EXPECT_LT(body.size(), (10_MiB).value());
}

// Its other end sends a byte from time to time, and would for hours.
TEST(ArrivingBodyTest, OneThatTricklesEnds) {
  DisconnectWatcher watcher;
  httplib::Server server;
  std::atomic<bool> was_late = false;
  server.set_pre_routing_handler([&](const httplib::Request& request, httplib::Response& response) {
    response.user_data.set(
        "arriving", std::make_shared<ArrivingBody>(watcher, std::make_shared<Peer>(request, false), milliseconds(100)));
    return httplib::Server::HandlerResponse::Unhandled;
  });
  server.set_error_handler([&](const httplib::Request&, httplib::Response& response) {
    was_late = (*response.user_data.get<std::shared_ptr<ArrivingBody>>("arriving"))->is_late();
  });
  server.Post("/", [](const httplib::Request&, httplib::Response&) { FAIL() << "its body never arrives"; });
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread serving([&] { server.listen_after_bind(); });
  server.wait_until_ready();

  const int client = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const std::string head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
  ASSERT_EQ(send(client, head.data(), head.size(), MSG_NOSIGNAL), static_cast<ssize_t>(head.size()));
  std::size_t sent = 0;
  pollfd answer{.fd = client, .events = POLLIN, .revents = 0};
  while (poll(&answer, 1, 20) == 0 && send(client, "x", 1, MSG_NOSIGNAL) == 1) ++sent;
  EXPECT_LT(sent, 1'000'000U);
  close(client);
  server.stop();
  serving.join();
  EXPECT_TRUE(was_late);
}

}  // namespace
}  // namespace plimsoll::server
