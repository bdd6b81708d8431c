#include "http_failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

#include "base/lower_case.hpp"

namespace plimsoll::server {
namespace {

// What the library was built to decode.
constexpr const char* kEncodings = "gzip, deflate, br, zstd";

// Without parameters and blanks.
std::string word_of(const httplib::Request& request, const char* header) {
  std::string text = lower_case(request.get_header_value(header));
  text.erase(std::min(text.find(';'), text.size()));
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  std::erase_if(text, is_blank);
  return text;
}

void set(httplib::Request& request, const char* header, const std::string& value) {
  request.headers.erase(header);
  if (!value.empty()) request.headers.emplace(header, value);
}

bool is_known_method(std::string_view method) {
  constexpr std::array<std::string_view, 9> kMethods{"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                                     "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  return std::ranges::contains(kMethods, method);
}

std::string unreadable(const httplib::Request& request) {
  if (request.method.empty() || request.path.empty()) {
    return "this is not an HTTP request that is understood here: a first line, then at most 100 headers of at most 8 "
           "KiB each";
  }
  if (request.get_header_value_u64("Content-Length") > 0 && request.has_header("Transfer-Encoding"))
    return "a body has either a Content-Length or a Transfer-Encoding";
  if (const std::string encoding = word_of(request, "Content-Encoding"); !encoding.empty())
    return fmt::format("the body cannot be decoded as the {} that its Content-Encoding names", encoding);
  if (word_of(request, "Transfer-Encoding") == "chunked")
    return "the body's chunks are damaged, or their end is missing";
  return "the body is not as long as its Content-Length says, a header is longer than 8 KiB, or Accept is no list of "
         "types";
}

}  // namespace

std::optional<api::Problem> make_readable(httplib::Request& request) {
  std::string encoding = word_of(request, "Content-Encoding");
  if (encoding.starts_with("x-")) encoding.erase(0, 2);
  if (encoding == "identity") encoding.clear();
  set(request, "Content-Encoding", encoding);
  constexpr std::array<std::string_view, 5> kDecoded{"", "gzip", "deflate", "br", "zstd"};
  if (!std::ranges::contains(kDecoded, encoding)) {
    return api::Problem(
        415, "unsupported_media_type",
        fmt::format("a body encoded as '{}' is not read here; it may be plain or {}", encoding, kEncodings));
  }
  const std::string type = word_of(request, "Content-Type");
  if (type.starts_with("multipart/")) {
    return api::Problem(415, "unsupported_media_type",
                        fmt::format("a body of the type {} is not read here; send JSON", type));
  }
  if (type == "application/x-www-form-urlencoded") set(request, "Content-Type", "text/plain");
  return std::nullopt;
}

api::Problem server_ends() {
  return api::Problem(503, "ending", "the server is ending").retry_after(std::chrono::seconds(1));
}

api::Problem no_key() {
  return {401, "invalid_api_key", "this server wants an API key: 'Authorization: Bearer KEY' or 'x-api-key: KEY'"};
}

api::Problem failure_of(const httplib::Request& request, int status, const std::string& allowed, Bytes most_body) {
  if (status == 404 && !allowed.empty()) {
    return {405, "method_not_allowed", fmt::format("{} takes no {}, but {}", request.path, request.method, allowed)};
  }
  if (status == 404) return {404, "not_found", fmt::format("there is no {} {} here", request.method, request.path)};
  if (status == 413) {
    return {413, "invalid_request",
            fmt::format("the body is larger than the {} that this server takes (--max-body)", format_bytes(most_body))};
  }
  if (status == 414) return {414, "invalid_request", "the path with its query is longer than 8 KiB"};
  if (status == 400 && !request.method.empty() && !is_known_method(request.method))
    return {501, "unsupported", "this method of HTTP is unknown here"};
  if (status == 400) return {400, "invalid_request", unreadable(request)};
  return {status, "invalid_request", httplib::status_message(status)};
}

}  // namespace plimsoll::server
