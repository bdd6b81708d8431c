// HttpClient: pieces of files and texts from other machines over HTTP.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "remote/address.hpp"

namespace plimsoll::remote {

class CurlHandle;

// What a server answered to a question for some bytes of a file.
struct Piece {
  std::vector<std::byte> bytes;
  std::uint64_t from = 0;               // where they begin: what was asked for, or 0 where the server has no ranges
  bool has_ranges = false;              // false: the server sent the file from its beginning, and was cut off
  std::optional<std::uint64_t> length;  // of the whole file, where the server tells
  std::string version;                  // its ETag, else its time of change; empty: the server tells neither
};

// libcurl: proxies as its environment variables name them, redirects up to eight, never from https to http, names and
// certificates checked. A token goes to the hub's own host alone, not where that redirects to. What fails for a moment
// (a connection that breaks off, 429, 5xx) is tried three times. One thread.
class HttpClient {
 public:
  struct Options {
    Hub hub{};
    std::stop_token stop{};
    std::chrono::seconds silence{30};  // with next to no bytes: the server is given up
    std::chrono::milliseconds between_tries{500};
  };
  explicit HttpClient(Options options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  enum class WithoutRanges { from_the_start, nothing };
  // Up to `count` bytes at `from`; fewer where the file ends or the server gives less at a time. From a server without
  // ranges: the file's first from + count bytes, or nothing. Whatever the server sends, no more is kept. Throws
  // Error{io} with the address and the reason, also for bytes that are packed (Content-Encoding); Error{cancelled}.
  [[nodiscard]] Piece read(const std::string& url, std::uint64_t from, std::uint64_t count,
                           WithoutRanges otherwise = WithoutRanges::from_the_start);

  struct Text {
    std::string text;
    std::string next;  // the address of the next page that a header Link names; empty: none
  };
  // Throws as read(); Error{io} as well where it is longer than `longest` bytes.
  [[nodiscard]] Text text(const std::string& url, std::size_t longest);

 private:
  struct Exchange;
  void attempt(const std::string& url, const std::string& range, Exchange& exchange);
  void repeat(const std::string& url, const std::string& range, Exchange& exchange);
  Options options_;
  std::unique_ptr<CurlHandle> handle_;
};

}  // namespace plimsoll::remote
