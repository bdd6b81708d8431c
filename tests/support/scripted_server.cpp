#include "scripted_server.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <stdexcept>

namespace plimsoll::test {

std::string ScriptedRequest::path() const {
  const std::size_t from = head.find(' ') + 1;
  return head.substr(from, head.find(' ', from) - from);
}

std::string ScriptedRequest::header(const std::string& name) const {
  std::string small(head);
  std::ranges::transform(small, small.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::size_t at = small.find("\r\n" + name + ": ");
  if (at == std::string::npos) return {};
  const std::size_t from = at + name.size() + 4;
  return head.substr(from, head.find("\r\n", from) - from);
}

std::optional<ScriptedRequest::Range> ScriptedRequest::range() const {
  Range range{};
  if (std::sscanf(header("range").c_str(), "bytes=%zu-%zu", &range.from, &range.to) != 2) return std::nullopt;
  return range;
}

ScriptedServer::ScriptedServer(Answer answer, std::chrono::milliseconds between_bytes)
    : answer_(std::move(answer)), between_bytes_(between_bytes) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  socklen_t size = sizeof address;
  if (listener_ < 0 || bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 64) != 0 || getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no server for the test");
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this] { serve(); });
}

ScriptedServer::~ScriptedServer() {
  (void)shutdown(listener_, SHUT_RDWR);  // accept() returns
  thread_.join();
  close(listener_);
}

std::string ScriptedServer::url(const std::string& path, const std::string& host) const {
  return fmt::format("http://{}:{}{}", host, port_, path);
}

std::vector<ScriptedRequest> ScriptedServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void ScriptedServer::serve() {
  for (int connection = 0; (connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    answer(connection);
    close(connection);
  }
}

void ScriptedServer::answer(int connection) {
  ScriptedRequest request;
  char piece[4096];
  while (!request.head.contains("\r\n\r\n")) {
    const ssize_t count = recv(connection, piece, sizeof piece, 0);
    if (count <= 0) return;
    request.head.append(piece, static_cast<std::size_t>(count));
  }
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  const std::string bytes = answer_(request);
  for (std::size_t sent = 0; sent < bytes.size();) {  // until the client has enough
    const std::size_t most = between_bytes_.count() > 0 ? 1 : bytes.size() - sent;
    const ssize_t count = send(connection, bytes.data() + sent, most, MSG_NOSIGNAL);
    if (count <= 0) return;
    sent += static_cast<std::size_t>(count);
    std::this_thread::sleep_for(between_bytes_);
  }
}

std::string http_answer(const std::string& status, const std::string& body, const std::string& headers) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n{}", status, body.size(), headers,
                     body);
}

std::string piece_of(const std::string& bytes, const ScriptedRequest& request, const std::string& headers) {
  const auto range = request.range();
  if (!range) return http_answer("200 OK", bytes, headers);
  if (range->from >= bytes.size()) return http_answer("416 Range Not Satisfiable", "", headers);
  const std::size_t to = std::min(range->to, bytes.size() - 1);
  return http_answer("206 Partial Content", bytes.substr(range->from, to - range->from + 1),
                     fmt::format("Content-Range: bytes {}-{}/{}\r\n{}", range->from, to, bytes.size(), headers));
}

}  // namespace plimsoll::test
