#include "http_server.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "connection.hpp"

namespace plimsoll::server {
namespace {

using SteadyClock = std::chrono::steady_clock;

class RequestStream;

// Of the request that this thread reads or answers.
thread_local bool head_is_late = false;
thread_local bool answer_says_close = false;
thread_local const RequestStream* at_work = nullptr;

// `ask`: getpeername or getsockname. The library's own numbers where they are not known: nothing, and 0.
template <class Ask>
void tell_end(int socket, Ask ask, std::string& address, int& port) {
  sockaddr_storage end{};
  socklen_t size = sizeof end;
  if (ask(socket, reinterpret_cast<sockaddr*>(&end), &size) != 0) return;
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> service{};
  if (getnameinfo(reinterpret_cast<sockaddr*>(&end), size, host.data(), host.size(), service.data(), service.size(),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return;
  address = host.data();
  (void)std::from_chars(service.data(), service.data() + std::strlen(service.data()), port);
}

// How long a request's parts are waited for.
struct Patience {
  SteadyClock::duration head;
  SteadyClock::duration read;
  SteadyClock::duration write;
};

// One request's bytes and those of its answer, as the library wants them.
class RequestStream final : public httplib::Stream {
 public:
  RequestStream(Connection& connection, const Patience& patience)
      : connection_(connection), patience_(patience), head_until_(SteadyClock::now() + patience.head) {
    head_is_late = answer_says_close = false;
    at_work = this;
  }
  ~RequestStream() override {
    head_is_late = false;
    at_work = nullptr;
  }
  RequestStream(const RequestStream&) = delete;
  RequestStream& operator=(const RequestStream&) = delete;

  void head_is_read() noexcept { head_until_.reset(); }
  [[nodiscard]] bool has_head() const noexcept { return !head_until_; }
  // Of the request behind this one, whose beginning would be lost.
  [[nodiscard]] bool has_more() const noexcept { return begin_ < end_; }

  ssize_t read(char* into, std::size_t size) override {
    if (begin_ == end_ && size >= buffer_.size()) return receive(into, size);
    if (begin_ == end_) {
      const ssize_t got = receive(buffer_.data(), buffer_.size());
      if (got <= 0) return got;
      begin_ = 0;
      end_ = static_cast<std::size_t>(got);
    }
    const std::size_t given = std::min(size, end_ - begin_);
    std::memcpy(into, buffer_.data() + begin_, given);
    begin_ += given;
    return static_cast<ssize_t>(given);
  }
  ssize_t write(const char* bytes, std::size_t size) override {
    return connection_.write(bytes, size, SteadyClock::now() + patience_.write);
  }
  [[nodiscard]] bool is_readable() const override { return begin_ < end_ || connection_.holds_something(); }
  [[nodiscard]] bool wait_readable() const override {
    return connection_.comes_something(SteadyClock::now() + patience_.read);
  }
  [[nodiscard]] bool wait_writable() const override {
    return connection_.takes_something(SteadyClock::now() + patience_.write);
  }
  [[nodiscard]] bool is_peer_alive() const override { return connection_.is_open(); }
  void get_remote_ip_and_port(std::string& address, int& port) const override {
    tell_end(socket(), ::getpeername, address, port);
  }
  void get_local_ip_and_port(std::string& address, int& port) const override {
    tell_end(socket(), ::getsockname, address, port);
  }
  [[nodiscard]] socket_t socket() const override { return connection_.socket(); }
  [[nodiscard]] time_t duration() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(SteadyClock::now() - begun_).count();
  }

 private:
  ssize_t receive(char* into, std::size_t size) {
    const auto now = SteadyClock::now();
    const SteadyClock::time_point until = head_until_.value_or(now + patience_.read);
    // Nobody waits for who sends without a pause.
    const ssize_t got = head_until_ && now >= until ? -1 : connection_.read(into, size, until);
    head_is_late = got < 0 && head_until_ && SteadyClock::now() >= until;
    return got;
  }

  Connection& connection_;
  const Patience patience_;
  const SteadyClock::time_point begun_ = SteadyClock::now();
  std::optional<SteadyClock::time_point> head_until_;  // empty: it has been read
  std::vector<char> buffer_ = std::vector<char>(4096);
  std::size_t begin_ = 0;  // of what is in the buffer and not read yet
  std::size_t end_ = 0;
};

SteadyClock::duration time_of(time_t seconds, time_t microseconds) {
  return std::chrono::seconds(seconds) + std::chrono::microseconds(microseconds);
}

}  // namespace

HttpServer::HttpServer(std::shared_ptr<SSL_CTX> tls) : tls_(std::move(tls)) {
  // The last that is asked before headers are written. The library says "close" with each error, and does not.
  set_post_routing_handler([](const httplib::Request&, httplib::Response& response) {
    if (at_work->has_more() && response.get_header_value("Connection") != "close") {
      response.headers.erase("Keep-Alive");
      response.set_header("Connection", "close");
    }
    answer_says_close = response.get_header_value("Connection") == "close";
  });
}

bool HttpServer::head_was_late() noexcept { return head_is_late; }

bool HttpServer::answer_one(Connection& connection, bool is_last) {
  const SteadyClock::duration reading = time_of(read_timeout_sec_, read_timeout_usec_);
  RequestStream stream(connection,
                       {.head = reading, .read = reading, .write = time_of(write_timeout_sec_, write_timeout_usec_)});
  std::string remote;
  std::string local;
  int remote_port = 0;
  int local_port = 0;
  stream.get_remote_ip_and_port(remote, remote_port);
  stream.get_local_ip_and_port(local, local_port);
  bool is_over = false;
  const bool is_written = process_request(stream, remote, remote_port, local, local_port, is_last, is_over,
                                          [&](httplib::Request&) { stream.head_is_read(); });
  const bool goes_on =
      is_written && !is_over && !is_last && !answer_says_close && stream.has_head() && !stream.has_more();
  if (is_written && !goes_on) connection.say_goodbye();
  return goes_on;
}

bool HttpServer::process_and_close_socket(socket_t socket) {
  Connection connection(socket, [this] { return has_ended(); });
  const auto soon = [](SteadyClock::duration time) { return SteadyClock::now() + time; };
  if (tls_ && !connection.shake_hands(*tls_, soon(time_of(read_timeout_sec_, read_timeout_usec_)))) return false;
  std::size_t left = keep_alive_max_count_;
  do {  // one that has connected is answered, even by a server that ends
    if (!connection.comes_something(soon(std::chrono::seconds(keep_alive_timeout_sec_)))) {
      connection.say_goodbye();
      return true;
    }
    if (!answer_one(connection, left == 1)) return true;
    --left;
  } while (!has_ended());
  connection.say_goodbye();
  return true;
}

}  // namespace plimsoll::server
