#include "http_server.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "connection_threads.hpp"

namespace plimsoll::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// Made anew for each test: it is good for an hour.
std::shared_ptr<SSL_CTX> certified() {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  EXPECT_EQ(SSL_CTX_use_certificate(context.get(), certificate.get()), 1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey(context.get(), key.get()), 1);
  return context;
}

// A server on the loopback, and its clients.
class HttpServerTest : public testing::Test {
 protected:
  void serve(milliseconds reading, std::shared_ptr<SSL_CTX> tls = nullptr) {
    server_ = std::make_unique<HttpServer>(std::move(tls));
    server_->new_task_queue = [] { return new ConnectionThreads(8); };  // NOLINT: the library takes it over
    server_->set_read_timeout(reading);
    server_->set_write_timeout(hours(1));
    server_->set_error_handler([this](const httplib::Request&, httplib::Response& response) {
      if (HttpServer::head_was_late()) response.status = 408;
    });
    server_->Get(
        "/", [](const httplib::Request&, httplib::Response& response) { response.set_content("aye", "text/plain"); });
    server_->Post("/echo", [](const httplib::Request& request, httplib::Response& response) {
      response.set_content(request.body, "text/plain");
    });
    server_->Get("/much", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(std::string(64 << 20, 'x'), "text/plain");
    });
    if (throws_) server_->set_logger([](const httplib::Request&, const httplib::Response&) { throw std::bad_alloc(); });
    port_ = server_->bind_to_any_port("127.0.0.1");
    serving_ = std::thread([this] { server_->listen_after_bind(); });
    server_->wait_until_ready();
  }
  void TearDown() override {
    for (const int client : clients_) close(client);
    stop();
  }
  void stop() {
    if (!serving_.joinable()) return;
    server_->stop();
    serving_.join();
  }
  int connect() {
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    clients_.push_back(client);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return client;
  }
  static bool say(int client, const std::string& bytes) {
    return ::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  // Until it ends with that; empty: until the connection's end.
  static std::string hear(int client, const std::string& last = {}) {
    std::string out;
    char bytes[4096];
    pollfd comes{.fd = client, .events = POLLIN, .revents = 0};
    while (last.empty() || !out.ends_with(last)) {
      if (poll(&comes, 1, 120'000) <= 0) return out + " (and no end)";
      const ssize_t got = ::recv(client, bytes, sizeof bytes, 0);
      if (got <= 0) break;
      out.append(bytes, static_cast<std::size_t>(got));
    }
    return out;
  }
  // Says that again and again until something comes, the connection's end included.
  static void trickle(int client, const std::string& bytes, milliseconds pause) {
    pollfd comes{.fd = client, .events = POLLIN, .revents = 0};
    while (poll(&comes, 1, static_cast<int>(pause.count())) == 0 && say(client, bytes)) {
    }
  }

  bool throws_ = false;
  std::unique_ptr<HttpServer> server_;
  std::thread serving_;
  std::vector<int> clients_;
  int port_ = 0;
};

TEST_F(HttpServerTest, AConnectionHasSeveralRequests) {
  serve(hours(1));
  const int client = connect();
  ASSERT_TRUE(say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_TRUE(hear(client, "aye").starts_with("HTTP/1.1 200"));
  ASSERT_TRUE(say(client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"));
  ASSERT_TRUE(say(client, "cde"));
  EXPECT_TRUE(hear(client, "abcde").starts_with("HTTP/1.1 200"));
  ASSERT_TRUE(say(client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
  EXPECT_TRUE(hear(client).ends_with("aye"));
}

// The beginning of a second one that came with the first is lost with it: its client learns at once that it must ask
// again.
TEST_F(HttpServerTest, ARequestThatCameWithTheOneBeforeItIsLeftToBeAskedAgain) {
  serve(hours(1));
  const std::string again = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const std::string& more : {again, again.substr(0, 9)}) {
    const int client = connect();
    ASSERT_TRUE(say(client, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab" + more));
    const std::string heard = hear(client);
    EXPECT_TRUE(heard.starts_with("HTTP/1.1 200") && heard.ends_with("ab")) << heard;
  }
}

TEST_F(HttpServerTest, HeadersThatTrickleEnd) {
  serve(milliseconds(300));
  const int client = connect();
  ASSERT_TRUE(say(client, "GET / HTTP/1.1\r\nX: "));
  trickle(client, "a", milliseconds(20));
  EXPECT_TRUE(hear(client).starts_with("HTTP/1.1 408"));
}

TEST_F(HttpServerTest, AFirstLineThatTricklesEnds) {
  serve(milliseconds(300));
  const int client = connect();
  ASSERT_TRUE(say(client, "GET /"));
  trickle(client, "a", milliseconds(20));
  EXPECT_EQ(hear(client), "");
}

// Where the first line could not be read, nobody knows where a next one begins.
TEST_F(HttpServerTest, WhatIsNoRequestIsTheLastOfItsConnection) {
  serve(hours(1));
  const int client = connect();
  ASSERT_TRUE(say(client, "ahoy\r\n\r\n"));
  EXPECT_TRUE(hear(client).starts_with("HTTP/1.1 400"));
}

TEST_F(HttpServerTest, AnAnswerThatSaysThatItClosesDoes) {
  serve(hours(1));
  const int client = connect();
  ASSERT_TRUE(say(client, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"));
  const std::string answer = hear(client);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 404"));
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
}

TEST_F(HttpServerTest, AHalfHeadHoldsNoEndUp) {
  serve(hours(1));
  const int client = connect();
  const int silent = connect();
  ASSERT_TRUE(say(client, "GET / HTTP/1.1\r\nX: "));
  const int other = connect();
  ASSERT_TRUE(say(other, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  (void)hear(other, "aye");
  stop();
  EXPECT_EQ(hear(silent), "");
}

TEST_F(HttpServerTest, WhoReadsNothingHoldsNoEndUp) {
  serve(hours(1));
  const int client = connect();
  ASSERT_TRUE(say(client, "GET /much HTTP/1.1\r\nHost: a\r\n\r\n"));
  char byte = 0;
  ASSERT_EQ(::recv(client, &byte, 1, 0), 1);
  stop();
  EXPECT_LT(hear(client).size(), std::size_t{64} << 20U);
}

TEST_F(HttpServerTest, AConnectionIsClosedWhateverIsThrownOnIt) {
  throws_ = true;
  serve(hours(1));
  const int client = connect();
  ASSERT_TRUE(say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_EQ(hear(client), "");
}

TEST_F(HttpServerTest, OverTlsItIsTheSame) {
  serve(hours(1), certified());
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(context.get()), SSL_free);
  ASSERT_EQ(SSL_set_fd(tls.get(), connect()), 1);
  ASSERT_EQ(SSL_connect(tls.get()), 1);
  const std::string body(200'000, 'b');  // several records
  for (const char* more : {"", "Connection: close\r\n"}) {
    const std::string head =
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n" + std::string(more) + "\r\n";
    ASSERT_EQ(SSL_write(tls.get(), head.data(), static_cast<int>(head.size())), static_cast<int>(head.size()));
    ASSERT_EQ(SSL_write(tls.get(), body.data(), static_cast<int>(body.size())), static_cast<int>(body.size()));
    std::string out;
    char bytes[4096];
    while (!out.ends_with("\r\n\r\n" + body)) {
      const int got = SSL_read(tls.get(), bytes, sizeof bytes);
      ASSERT_GT(got, 0) << out.size();
      out.append(bytes, static_cast<std::size_t>(got));
    }
    EXPECT_TRUE(out.starts_with("HTTP/1.1 200"));
  }
  char byte = 0;
  EXPECT_LE(SSL_read(tls.get(), &byte, 1), 0);
  EXPECT_EQ(SSL_get_shutdown(tls.get()) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);  // it said goodbye
}

TEST_F(HttpServerTest, AHandshakeThatTricklesEnds) {
  serve(milliseconds(300), certified());
  const int client = connect();
  ASSERT_TRUE(say(client, std::string("\x16\x03\x01\x40", 4) + '\0'));  // a record of 16 KiB
  trickle(client, "\x01", milliseconds(20));
  EXPECT_EQ(hear(client), "");
}

}  // namespace
}  // namespace plimsoll::server
