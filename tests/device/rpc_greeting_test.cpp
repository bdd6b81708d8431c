// What is said of a server, by what it does with the first word.
#include <ggml-rpc.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "device/rpc_greeting.hpp"

namespace plimsoll::device {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::size_t kHelloBytes = 1 + 8 + 24;

// Listens on a port of the loopback; does that with the first who connects.
class FakeServer {
 public:
  using Talk = std::function<void(int connection)>;
  explicit FakeServer(Talk talk) : listening_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listening_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listening_, 4) != 0 ||
        getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("no port");
    port_ = ntohs(address.sin_port);
    if (!talk) return;
    thread_ = std::thread([this, talk = std::move(talk)] {
      const int connection = accept(listening_, nullptr, nullptr);
      talk(connection);
      shutdown(connection, SHUT_RDWR);
      close(connection);
    });
  }
  ~FakeServer() {
    if (thread_.joinable()) thread_.join();
    close(listening_);
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  [[nodiscard]] RpcAddress address() const { return {.host = "127.0.0.1", .port = port_}; }

 private:
  int listening_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

std::string heard(int connection) {
  std::array<char, kHelloBytes> bytes{};
  const ssize_t count = recv(connection, bytes.data(), bytes.size(), MSG_WAITALL);
  return {bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
}

FakeServer::Talk answers(const std::string& bytes) {
  return [bytes](int connection) {
    (void)heard(connection);
    (void)send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  };
}

std::string version(int major, int minor, int patch) {
  std::string out("\x1c\0\0\0\0\0\0\0", 8);  // 28 bytes: the version, and what it can do beside TCP
  for (const int one : {major, minor, patch}) out += static_cast<char>(one);
  return out + std::string(25, '\0');
}

TEST(RpcGreetingTest, OneOfOurVersionGreets) {
  std::string said;
  {
    const FakeServer server([&](int connection) {
      said = heard(connection);
      const std::string answer = version(RPC_PROTO_MAJOR_VERSION, RPC_PROTO_MINOR_VERSION, 7);
      (void)send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
    });
    const RpcGreeting greeting = greet(server.address());
    EXPECT_EQ(greeting.answer, RpcAnswer::greets);
    EXPECT_THAT(greeting.why, IsEmpty());
  }
  EXPECT_EQ(said, std::string("\x0e\x18\0\0\0\0\0\0\0", 9) + std::string(24, '\0'));
}

TEST(RpcGreetingTest, AnotherVersionIsNamed) {
  const FakeServer server(answers(version(RPC_PROTO_MAJOR_VERSION - 1, 3, 1)));
  const RpcGreeting greeting = greet(server.address());
  EXPECT_EQ(greeting.answer, RpcAnswer::other_version);
  EXPECT_THAT(greeting.why, AllOf(HasSubstr(server.address().text()),
                                  HasSubstr(std::to_string(RPC_PROTO_MAJOR_VERSION - 1) + ".3.1")));
  const FakeServer newer(answers(version(RPC_PROTO_MAJOR_VERSION, RPC_PROTO_MINOR_VERSION + 1, 0)));
  EXPECT_EQ(greet(newer.address()).answer, RpcAnswer::other_version);
}

TEST(RpcGreetingTest, AnotherProgramIsNotTakenForOne) {
  const FakeServer web(answers("HTTP/1.1 400 Bad Request\r\n\r\n"));
  EXPECT_EQ(greet(web.address()).answer, RpcAnswer::nonsense);
  const FakeServer hangs_up([](int connection) { (void)heard(connection); });
  const RpcGreeting greeting = greet(hangs_up.address());
  EXPECT_EQ(greeting.answer, RpcAnswer::nonsense);
  EXPECT_THAT(greeting.why, HasSubstr(hangs_up.address().text()));
  const FakeServer breaks_off(answers(version(RPC_PROTO_MAJOR_VERSION, 0, 0).substr(0, 12)));
  EXPECT_EQ(greet(breaks_off.address()).answer, RpcAnswer::nonsense);
  const FakeServer short_answer(answers(std::string("\x02\0\0\0\0\0\0\0\x08\0", 10)));
  EXPECT_EQ(greet(short_answer.address()).answer, RpcAnswer::nonsense);
}

std::string eight_bytes(std::uint64_t number) {
  std::string out(sizeof number, '\0');
  std::memcpy(out.data(), &number, sizeof number);
  return out;
}

// Greets, and then says each of these when it is asked something.
FakeServer::Talk claims(const std::vector<std::string>& what) {
  return [what](int connection) {
    answers(version(RPC_PROTO_MAJOR_VERSION, RPC_PROTO_MINOR_VERSION, 0))(connection);
    std::size_t question = 9;  // how many devices; then of each
    for (const std::string& one : what) {
      std::array<char, 13> asked{};
      (void)recv(connection, asked.data(), question, MSG_WAITALL);
      (void)send(connection, one.data(), one.size(), MSG_NOSIGNAL);
      question = asked.size();
    }
  };
}
std::string devices(std::uint64_t count) { return eight_bytes(4) + eight_bytes(count).substr(0, 4); }
std::string alignment(std::uint64_t bytes) { return eight_bytes(8) + eight_bytes(bytes); }
std::string memory(std::uint64_t free, std::uint64_t total) {
  return eight_bytes(16) + eight_bytes(free) + eight_bytes(total);
}

// The engine makes as many devices as a server claims.
TEST(RpcGreetingTest, OneThatClaimsTooManyDevicesIsNotAsked) {
  const FakeServer modest(claims({devices(2), alignment(32), memory(0, 0), alignment(512), memory(7, 8)}));
  EXPECT_EQ(greet_and_look(modest.address()).answer, RpcAnswer::greets);
  const FakeServer boasts(claims({devices(0xFFFFFFFF)}));
  const RpcGreeting greeting = greet_and_look(boasts.address());
  EXPECT_EQ(greeting.answer, RpcAnswer::nonsense);
  EXPECT_THAT(greeting.why, AllOf(HasSubstr(boasts.address().text()), HasSubstr("4294967295 devices")));
  const FakeServer garbage(claims({std::string(8, '\x7f')}));
  EXPECT_EQ(greet_and_look(garbage.address()).answer, RpcAnswer::nonsense);
}

// It divides by it, and adds it to sizes.
TEST(RpcGreetingTest, OneThatClaimsAnAlignmentThatIsNoneIsNotAsked) {
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{1} << 40U, ~std::uint64_t{0}}) {
    const FakeServer server(claims({devices(2), alignment(64), memory(1, 2), alignment(bytes)}));
    const RpcGreeting greeting = greet_and_look(server.address());
    EXPECT_EQ(greeting.answer, RpcAnswer::nonsense);
    EXPECT_THAT(greeting.why, AllOf(HasSubstr(server.address().text()), HasSubstr(fmt::format("to {} bytes", bytes))));
  }
}

TEST(RpcGreetingTest, OneThatClaimsMemoryThatCannotBeIsNotAsked) {
  const auto greeting = [](std::uint64_t free, std::uint64_t total) {
    const FakeServer server(claims({devices(1), alignment(64), memory(free, total)}));
    return greet_and_look(server.address());
  };
  EXPECT_EQ(greeting(std::uint64_t{1} << 50U, std::uint64_t{1} << 50U).answer, RpcAnswer::greets);
  EXPECT_THAT(greeting(3, 2).why, HasSubstr("claims that 3 bytes of its 2 are free"));
  EXPECT_THAT(greeting(0, ~std::uint64_t{0}).why, HasSubstr("claims to have 18446744073709551615 bytes"));
  EXPECT_EQ(greeting(0, ~std::uint64_t{0}).answer, RpcAnswer::nonsense);
}

TEST(RpcGreetingTest, OneThatFallsSilentIsNotWaitedFor) {
  const FakeServer server([](int connection) {
    claims({devices(1), alignment(64)})(connection);
    (void)heard(connection);  // what it has, until nobody waits for it any more
  });
  EXPECT_EQ(greet_and_look(server.address(), std::chrono::milliseconds(200)).answer, RpcAnswer::busy);
}

TEST(RpcGreetingTest, OneThatServesAnotherIsBusy) {
  const FakeServer server(nullptr);  // the system takes the connection for it
  const RpcGreeting greeting = greet(server.address(), std::chrono::milliseconds(50));
  EXPECT_EQ(greeting.answer, RpcAnswer::busy);
  EXPECT_THAT(greeting.why, AllOf(HasSubstr(server.address().text()), HasSubstr("one client at a time")));
}

TEST(RpcGreetingTest, NobodyListens) {
  RpcAddress address;
  {
    const FakeServer gone(nullptr);
    address = gone.address();
  }
  const RpcGreeting greeting = greet(address);
  EXPECT_EQ(greeting.answer, RpcAnswer::unreachable);
  EXPECT_THAT(greeting.why, AllOf(HasSubstr(address.text()), HasSubstr("refused")));
}

// What was looked at is what is connected to: see resolved().
TEST(RpcGreetingTest, NobodyIsAskedWhatANameMeans) {
  const FakeServer server(nullptr);
  const RpcGreeting greeting = greet({.host = "localhost", .port = server.address().port});
  EXPECT_EQ(greeting.answer, RpcAnswer::unreachable);
  EXPECT_THAT(greeting.why, HasSubstr("not resolved"));
}

}  // namespace
}  // namespace plimsoll::device
