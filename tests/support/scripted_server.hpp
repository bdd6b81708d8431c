// ScriptedServer: an HTTP server on this machine that answers exactly what a test says, true or not.
#pragma once
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace plimsoll::test {

// A request as it arrived: "GET /x HTTP/1.1" and the headers.
struct ScriptedRequest {
  std::string head;
  [[nodiscard]] std::string path() const;
  [[nodiscard]] std::string header(const std::string& name) const;  // in small letters; empty: not sent
  struct Range {
    std::size_t from;
    std::size_t to;  // the last one
  };
  [[nodiscard]] std::optional<Range> range() const;
};

// Each connection is one request and one answer.
class ScriptedServer {
 public:
  using Answer = std::function<std::string(const ScriptedRequest&)>;  // everything that is sent, status line first
  // `between_bytes`: a server that sends them one by one, and waits so long behind each.
  explicit ScriptedServer(Answer answer, std::chrono::milliseconds between_bytes = {});
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] std::string url(const std::string& path, const std::string& host = "127.0.0.1") const;
  [[nodiscard]] std::vector<ScriptedRequest> requests() const;

 private:
  void serve();
  void answer(int connection);
  Answer answer_;
  std::chrono::milliseconds between_bytes_;
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<ScriptedRequest> requests_;
  std::jthread thread_;
};

// "HTTP/1.1 200 OK", these header lines, the body's length and the body.
[[nodiscard]] std::string http_answer(const std::string& status, const std::string& body,
                                      const std::string& headers = {});
// As a server answers that has a file with these bytes and gives pieces of it.
[[nodiscard]] std::string piece_of(const std::string& bytes, const ScriptedRequest& request,
                                   const std::string& headers = {});

}  // namespace plimsoll::test
