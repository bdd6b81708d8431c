#include "curl_handle.hpp"

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include "base/version.hpp"
#include "remote/certificates.hpp"

namespace plimsoll::remote {
namespace {

constexpr long kConnectSeconds = 15;

CURL* new_handle() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  CURL* const handle = started == CURLE_OK ? curl_easy_init() : nullptr;
  if (handle == nullptr) throw Error(ErrorCode::internal, "libcurl does not start");
  return handle;
}

}  // namespace

CurlHandle::CurlHandle() : handle_(new_handle(), &curl_easy_cleanup) {}

void CurlHandle::begin(const std::string& url) {
  curl_easy_reset(get());
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  const std::string trusted = certificates();
  if (!trusted.empty()) set(CURLOPT_CAINFO, trusted.c_str());
  const std::string agent = fmt::format("plimsoll/{}", version());
  set(CURLOPT_USERAGENT, agent.c_str());
}

}  // namespace plimsoll::remote
