#include "peer.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

namespace plimsoll::server {
namespace {

// A server whose answer waits for its client to go away.
class Waiting {
 public:
  explicit Waiting(bool encrypted) {
    server_.Post("/", [this, encrypted](const httplib::Request& request, httplib::Response&) {
      if (has_looked_) return;  // the next request
      Peer client(request, encrypted);
      for (int i = 0; i < 100; ++i) was_gone_too_soon_ = was_gone_too_soon_ || client.is_gone();
      has_looked_ = true;
      const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(120);
      while (!is_noticed_ && std::chrono::steady_clock::now() < until) {
        is_noticed_ = client.is_gone();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    serving_ = std::thread([this] { server_.listen_after_bind(); });
    server_.wait_until_ready();
  }
  ~Waiting() { end(); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  // Connects, sends that, and goes away while its answer is waited for.
  void ask_and_leave(const std::string& bytes) const {
    const int client = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    while (!has_looked_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    close(client);
  }
  void end() {
    if (!serving_.joinable()) return;
    server_.stop();
    serving_.join();
  }
  [[nodiscard]] bool was_gone_too_soon() const { return was_gone_too_soon_; }
  [[nodiscard]] bool is_noticed() const { return is_noticed_; }

 private:
  httplib::Server server_;
  int port_ = 0;
  std::atomic<bool> was_gone_too_soon_ = false;
  std::atomic<bool> has_looked_ = false;
  std::atomic<bool> is_noticed_ = false;
  std::thread serving_;
};

const std::string kRequest = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";

TEST(PeerTest, AClientThatGoesAwayIsNoticed) {
  for (const bool encrypted : {false, true}) {
    Waiting waiting(encrypted);
    waiting.ask_and_leave(kRequest);
    waiting.end();
    EXPECT_FALSE(waiting.was_gone_too_soon());
    EXPECT_TRUE(waiting.is_noticed());
  }
}

// A line's end behind the body, as some send it; the next request; what TLS says before it closes.
TEST(PeerTest, ItIsThoughItSentMoreThanItsRequest) {
  for (const bool encrypted : {false, true}) {
    for (const std::string& more : {std::string("\r\n"), kRequest}) {
      Waiting waiting(encrypted);
      waiting.ask_and_leave(kRequest + more);
      waiting.end();
      EXPECT_FALSE(waiting.was_gone_too_soon());
      EXPECT_TRUE(waiting.is_noticed());
    }
  }
}

}  // namespace
}  // namespace plimsoll::server
