#include "remote/http_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include <plimsoll/base/error.hpp>
#include "base/lower_case.hpp"
#include "base/parse_number.hpp"
#include "base/sleep.hpp"

#include "curl_handle.hpp"

namespace plimsoll::remote {
namespace {

constexpr int kTries = 3;
constexpr long kMostRedirects = 8;
constexpr long kSlowest = 100;  // bytes a second: a server that sends fewer is silent
constexpr long kWhole = 200;
constexpr long kPiece = 206;

std::string trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \t\r\n");
  if (from == std::string_view::npos) return {};
  return std::string(text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1));
}

std::optional<std::uint64_t> number(std::string_view text) { return parse_number<std::uint64_t>(text); }

// "bytes 0-1023/4096" -> 0 and 4096; a length of '*' is not told.
struct ContentRange {
  std::uint64_t from = 0;
  std::optional<std::uint64_t> length;
};
std::optional<ContentRange> content_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  const std::size_t dash = text.find('-');
  const std::size_t slash = text.find('/');
  if (!text.starts_with(kUnit) || dash == std::string_view::npos || slash == std::string_view::npos || slash < dash)
    return std::nullopt;
  const auto from = number(text.substr(kUnit.size(), dash - kUnit.size()));
  if (!from) return std::nullopt;
  return ContentRange{.from = *from, .length = number(text.substr(slash + 1))};
}

// The address of rel="next" in a header Link.
std::string next_of(std::string_view link) {
  for (std::size_t at = link.find('<'); at != std::string_view::npos; at = link.find('<', at + 1)) {
    const std::size_t end = link.find('>', at);
    if (end == std::string_view::npos) return {};
    const std::string_view rest = link.substr(end, link.find('<', end) - end);
    if (rest.contains("rel=\"next\"") || rest.contains("rel=next"))
      return std::string(link.substr(at + 1, end - at - 1));
  }
  return {};
}

// The address that a page of this address means by another one, which may be relative: "/list?page=2".
std::string from_page(const char* page, const std::string& address) {
  if (page == nullptr || address.empty()) return address;
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), &curl_url_cleanup);
  char* whole = nullptr;
  if (curl_url_set(url.get(), CURLUPART_URL, page, 0) != CURLUE_OK ||
      curl_url_set(url.get(), CURLUPART_URL, address.c_str(), 0) != CURLUE_OK ||
      curl_url_get(url.get(), CURLUPART_URL, &whole, 0) != CURLUE_OK)
    return address;
  const std::unique_ptr<char, decltype(&curl_free)> owned(whole, &curl_free);
  return whole;
}

// "HTTP/1.1 206 Partial Content" -> 206.
long status_in(std::string_view line) {
  constexpr std::size_t kDigits = 3;
  const std::size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return 0;
  return static_cast<long>(number(line.substr(blank + 1, kDigits)).value_or(0));
}

}  // namespace

// One question and its answer, as the library hands it out.
struct HttpClient::Exchange {
  // Bytes that are kept of a file that is sent from its beginning, and of the piece that was asked for. What comes
  // behind them ends the transfer, as does what an error says: nobody reads it.
  std::size_t most_of_whole = 0;
  std::size_t most_of_piece = 0;
  std::stop_token stop;
  // Of the last answer: a redirect's is forgotten.
  long status = 0;
  long answered = 0;  // the same, while the answer is on its way
  std::vector<std::byte> bytes;
  bool is_enough = false;
  std::optional<ContentRange> range;
  std::optional<std::uint64_t> content_length;
  std::string etag;
  std::string last_modified;
  std::string encoding;
  std::string next;
  CURLcode result = CURLE_OK;
  std::array<char, CURL_ERROR_SIZE> reason{};

  void begin_answer() {
    bytes.clear();
    is_enough = false;
    range.reset();
    content_length.reset();
    etag.clear();
    last_modified.clear();
    encoding.clear();
    next.clear();
  }

  void take_header(std::string_view line) {
    if (line.starts_with("HTTP/")) {
      begin_answer();
      answered = status_in(line);
      return;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    const std::string name = lower_case(line.substr(0, colon));
    const std::string value = trimmed(line.substr(colon + 1));
    if (name == "content-range") range = content_range(value);
    if (name == "content-length") content_length = number(value);
    if (name == "etag") etag = value;
    if (name == "last-modified") last_modified = value;
    if (name == "content-encoding") encoding = lower_case(value);
    if (name == "link") next = next_of(value);
  }

  [[nodiscard]] std::size_t most() const noexcept {
    return answered == kWhole ? most_of_whole : answered == kPiece ? most_of_piece : 0;
  }

  // The sum of what the library gives and what is kept; less ends the transfer.
  std::size_t take_body(std::string_view piece) {
    const std::size_t kept = std::min(piece.size(), most() - bytes.size());
    const auto* begin = reinterpret_cast<const std::byte*>(piece.data());
    bytes.insert(bytes.end(), begin, begin + kept);
    is_enough = kept < piece.size();
    return kept;
  }

  [[nodiscard]] bool may_pass() const {
    if (result == CURLE_OK || is_enough) return status == 429 || status >= 500;
    constexpr std::array kPassing{CURLE_COULDNT_CONNECT, CURLE_PARTIAL_FILE, CURLE_GOT_NOTHING, CURLE_SEND_ERROR,
                                  CURLE_RECV_ERROR,      CURLE_HTTP2,        CURLE_HTTP2_STREAM};
    return std::ranges::contains(kPassing, result);
  }

  static std::size_t header_arrived(char* data, std::size_t size, std::size_t count, void* exchange) noexcept {
    try {
      static_cast<Exchange*>(exchange)->take_header({data, size * count});
      return size * count;
    } catch (...) {
      return 0;  // no memory: the library ends the transfer
    }
  }
  static std::size_t body_arrived(char* data, std::size_t size, std::size_t count, void* exchange) noexcept {
    try {
      return static_cast<Exchange*>(exchange)->take_body({data, size * count});
    } catch (...) {
      return 0;
    }
  }
  static int progressed(void* exchange, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
    return static_cast<Exchange*>(exchange)->stop.stop_requested() ? 1 : 0;
  }
};

namespace {

std::string why_status(long status, const Hub& hub) {
  switch (status) {
    case 401:
    case 403:
      // The hub says 401 of what does not exist, too.
      return hub.token.empty() ? "it does not exist, or is not open to everybody (then set HF_TOKEN to a token of the "
                                 "hub that may read it)"
                               : "the token of HF_TOKEN may not read it, or it does not exist";
    case 404:
      return "there is nothing at this address";
    default:
      return fmt::format("the server answers with status {}", status);
  }
}

}  // namespace

HttpClient::HttpClient(Options options) : options_(std::move(options)), handle_(std::make_unique<CurlHandle>()) {}

HttpClient::~HttpClient() = default;

void HttpClient::attempt(const std::string& url, const std::string& range, Exchange& exchange) {
  CurlHandle& handle = *handle_;
  handle.begin(url);
  exchange.begin_answer();
  exchange.answered = 0;
  const auto set = [&](CURLoption option, auto value) { handle.set(option, value); };
  set(CURLOPT_REDIR_PROTOCOLS_STR, url.starts_with("https:") ? "https" : "http,https");
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_MAXREDIRS, kMostRedirects);
  set(CURLOPT_LOW_SPEED_LIMIT, kSlowest);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(options_.silence.count()));
  if (range.empty()) {
    set(CURLOPT_ACCEPT_ENCODING, "");  // any that the library unpacks
  } else {
    set(CURLOPT_RANGE, range.c_str());
  }
  if (!options_.hub.token.empty() && origin_of(url) == origin_of(options_.hub.endpoint)) {
    set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BEARER));
    set(CURLOPT_XOAUTH2_BEARER, options_.hub.token.c_str());
  }
  set(CURLOPT_HEADERFUNCTION, &Exchange::header_arrived);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&exchange));
  set(CURLOPT_WRITEFUNCTION, &Exchange::body_arrived);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &Exchange::progressed);
  set(CURLOPT_XFERINFODATA, static_cast<void*>(&exchange));
  set(CURLOPT_ERRORBUFFER, exchange.reason.data());
  exchange.result = curl_easy_perform(handle.get());
  set(CURLOPT_ERRORBUFFER, static_cast<char*>(nullptr));  // it goes before the handle
  (void)curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &exchange.status);
}

void HttpClient::repeat(const std::string& url, const std::string& range, Exchange& exchange) {
  exchange.stop = options_.stop;
  for (int tried = 1;; ++tried) {
    attempt(url, range, exchange);
    if (options_.stop.stop_requested()) throw Error(ErrorCode::cancelled, "cancelled");
    if (!exchange.may_pass() || tried == kTries) break;
    (void)sleep_unless_stopped(options_.between_tries * tried, options_.stop);
  }
  if (exchange.result != CURLE_OK && !exchange.is_enough) {
    const char* reason = exchange.reason[0] != '\0' ? exchange.reason.data() : curl_easy_strerror(exchange.result);
    throw Error(ErrorCode::io, fmt::format("'{}' cannot be read: {}", url, reason));
  }
}

Piece HttpClient::read(const std::string& url, std::uint64_t from, std::uint64_t count, WithoutRanges otherwise) {
  Exchange exchange;
  exchange.most_of_piece = count;
  exchange.most_of_whole = otherwise == WithoutRanges::nothing ? 0 : from + count;
  repeat(url, fmt::format("{}-{}", from, from + count - 1), exchange);
  const auto fail = [&](const std::string& why) {
    throw Error(ErrorCode::io, fmt::format("'{}' cannot be read: {}", url, why));
  };
  if (exchange.status == 416) fail(fmt::format("it has no {} bytes", from + 1));
  if (exchange.status != kWhole && exchange.status != kPiece) fail(why_status(exchange.status, options_.hub));
  // What it packs are pieces of the packed file: its length and its bytes are others.
  if (!exchange.encoding.empty() && exchange.encoding != "identity")
    fail(fmt::format("the server packs it (Content-Encoding: {})", exchange.encoding));
  Piece piece{.bytes = std::move(exchange.bytes),
              .has_ranges = exchange.status == kPiece,
              .length = exchange.content_length,
              .version = exchange.etag.empty() ? exchange.last_modified : exchange.etag};
  if (!piece.has_ranges) return piece;
  if (!exchange.range || exchange.range->from != from) fail("the server answers with other bytes than were asked for");
  piece.from = from;
  piece.length = exchange.range->length;
  return piece;
}

HttpClient::Text HttpClient::text(const std::string& url, std::size_t longest) {
  Exchange exchange;
  exchange.most_of_whole = longest;
  repeat(url, {}, exchange);
  if (exchange.status != kWhole)
    throw Error(ErrorCode::io, fmt::format("'{}' cannot be read: {}", url, why_status(exchange.status, options_.hub)));
  if (exchange.is_enough)
    throw Error(ErrorCode::io, fmt::format("'{}' cannot be read: it is longer than {} bytes", url, longest));
  const char* page = nullptr;  // after redirects
  (void)curl_easy_getinfo(handle_->get(), CURLINFO_EFFECTIVE_URL, &page);
  return {.text = std::string(reinterpret_cast<const char*>(exchange.bytes.data()), exchange.bytes.size()),
          .next = from_page(page, exchange.next)};
}

}  // namespace plimsoll::remote
