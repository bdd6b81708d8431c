// CurlHandle: libcurl's handle, and what each question of this program has in common. Private to the part.
#pragma once
#include <curl/curl.h>

#include <memory>
#include <string>

namespace plimsoll::remote {

class CurlHandle {
 public:
  CurlHandle();  // throws Error{internal} where the library does not start

  // As for a question that was not asked before; connections are kept. HTTP and HTTPS alone, names and certificates
  // checked; redirects are not followed.
  void begin(const std::string& url);
  template <class Value>
  void set(CURLoption option, Value value) {
    (void)curl_easy_setopt(handle_.get(), option, value);
  }
  [[nodiscard]] CURL* get() const noexcept { return handle_.get(); }

 private:
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle_;
};

}  // namespace plimsoll::remote
