#include "remote/fetch_file.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

#include <plimsoll/base/error.hpp>
#include "base/lower_case.hpp"
#include "remote/public_address.hpp"

#include "curl_handle.hpp"

namespace plimsoll::remote {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMostHops = 5;
constexpr long kOk = 200;

[[noreturn]] void fail(ErrorCode code, const std::string& url, const std::string& why) {
  throw Error(code, fmt::format("'{}' {}", url, why));
}

// "EXAMPLE.org" of "https://EXAMPLE.org:8443/a.png" in small letters, an address of IPv6 without its brackets.
std::string host_of(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parts(curl_url(), &curl_url_cleanup);
  char* host = nullptr;
  if (curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      curl_url_get(parts.get(), CURLUPART_HOST, &host, 0) != CURLUE_OK)
    fail(ErrorCode::usage, url, "is no address of a file");
  const std::unique_ptr<char, decltype(&curl_free)> owned(host, &curl_free);
  std::string out = lower_case(host);
  if (out.starts_with('[') && out.ends_with(']')) out = out.substr(1, out.size() - 2);
  if (out.ends_with('.')) out.pop_back();
  return out;
}

bool is_allowed(const std::string& host, const std::vector<std::string>& hosts) {
  return std::ranges::any_of(hosts, [&](const std::string& allowed) {
    const std::string name = lower_case(allowed);
    return name.starts_with('.') ? host.ends_with(name) : host == name;
  });
}

// One question and its answer, as the library hands it out.
struct Download {
  std::size_t longest = 0;
  bool public_alone = true;
  std::stop_token stop;
  std::string bytes{};
  bool is_too_long = false;
  bool was_refused = false;  // an address of the host is not public
  std::array<char, CURL_ERROR_SIZE> reason{};

  static std::size_t body_arrived(char* data, std::size_t size, std::size_t count, void* self) noexcept {
    auto& download = *static_cast<Download*>(self);
    const std::size_t more = size * count;
    download.is_too_long = more > download.longest - download.bytes.size();
    if (download.is_too_long) return CURL_WRITEFUNC_ERROR;
    try {
      download.bytes.append(data, more);
      return more;
    } catch (...) {
      return CURL_WRITEFUNC_ERROR;  // no memory
    }
  }
  static int progressed(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
    return static_cast<Download*>(self)->stop.stop_requested() ? 1 : 0;
  }
  // The address that is connected to, whatever its name said a moment ago.
  static curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* address) noexcept {
    auto& download = *static_cast<Download*>(self);
    if (download.public_alone && !is_public(address->addr)) {
      download.was_refused = true;
      return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }
};

class Fetch {
 public:
  Fetch(const FetchRules& rules, std::stop_token stop)
      : rules_(rules), stop_(std::move(stop)), end_(Clock::now() + rules.limit) {}

  std::string file(std::string url) {
    for (int redirects = 0;; ++redirects) {
      Download download;
      const std::string next = ask(url, download);
      if (next.empty()) return std::move(download.bytes);
      if (redirects == kMostHops) fail(ErrorCode::io, url, "cannot be read: it leads on and on");
      if (url.starts_with("https:") && !next.starts_with("https:"))
        fail(ErrorCode::usage, url, "leads from https to something else");
      url = next;
    }
  }

 private:
  // Where it leads on to; empty: this is it.
  std::string ask(const std::string& url, Download& download) {
    const std::string host = host_of(url);
    if (!rules_.hosts.empty() && !is_allowed(host, rules_.hosts))
      fail(ErrorCode::usage, url,
           fmt::format("is at '{}', which is none of the hosts that files are fetched from", host));
    download.longest = rules_.longest;
    download.public_alone = rules_.hosts.empty();
    download.stop = stop_;
    const CURLcode result = perform(url, download);
    if (stop_.stop_requested()) throw Error(ErrorCode::cancelled, "cancelled");
    if (download.was_refused && result != CURLE_OK)
      fail(ErrorCode::usage, url, "is at an address that is not public; nothing is fetched from there");
    if (download.is_too_long || result == CURLE_FILESIZE_EXCEEDED)
      fail(ErrorCode::io, url, fmt::format("cannot be read: it is larger than {} bytes", rules_.longest));
    if (result != CURLE_OK) {
      const char* why = download.reason[0] != '\0' ? download.reason.data() : curl_easy_strerror(result);
      fail(result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL ? ErrorCode::usage : ErrorCode::io,
           url, fmt::format("cannot be read: {}", why));
    }
    return where_to(url);
  }

  CURLcode perform(const std::string& url, Download& download) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end_ - Clock::now()).count();
    if (left <= 0) return CURLE_OPERATION_TIMEDOUT;
    handle_.begin(url);
    handle_.set(CURLOPT_PROXY, "");
    handle_.set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    handle_.set(CURLOPT_TIMEOUT_MS, static_cast<long>(left));
    handle_.set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(rules_.longest));
    handle_.set(CURLOPT_FRESH_CONNECT, 1L);  // each by its own rules
    handle_.set(CURLOPT_OPENSOCKETFUNCTION, &Download::open_socket);
    handle_.set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&download));
    handle_.set(CURLOPT_WRITEFUNCTION, &Download::body_arrived);
    handle_.set(CURLOPT_WRITEDATA, static_cast<void*>(&download));
    handle_.set(CURLOPT_NOPROGRESS, 0L);
    handle_.set(CURLOPT_XFERINFOFUNCTION, &Download::progressed);
    handle_.set(CURLOPT_XFERINFODATA, static_cast<void*>(&download));
    handle_.set(CURLOPT_ERRORBUFFER, download.reason.data());
    const CURLcode result = curl_easy_perform(handle_.get());
    handle_.set(CURLOPT_ERRORBUFFER, static_cast<char*>(nullptr));  // it goes before the handle
    return result;
  }

  std::string where_to(const std::string& url) {
    char* next = nullptr;
    (void)curl_easy_getinfo(handle_.get(), CURLINFO_REDIRECT_URL, &next);
    if (next != nullptr) return next;
    long status = 0;
    (void)curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status == kOk) return {};
    fail(ErrorCode::io, url, fmt::format("cannot be read: its server answers with status {}", status));
  }

  const FetchRules& rules_;
  std::stop_token stop_;
  Clock::time_point end_;
  CurlHandle handle_;
};

}  // namespace

std::string fetch_file(const std::string& url, const FetchRules& rules, const std::stop_token& stop) {
  return Fetch(rules, stop).file(url);
}

}  // namespace plimsoll::remote
