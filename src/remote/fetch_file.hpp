// fetch_file: a small file from an address that somebody else has named, who is not to reach through this program what
// they could not reach themselves.
#pragma once
#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>
#include <vector>

namespace plimsoll::remote {

struct FetchRules {
  // Hosts that may be asked, wherever they are: "example.org", and those below it for ".example.org". Empty: every host
  // that is at a public address.
  std::vector<std::string> hosts{};
  std::size_t longest = 0;                  // bytes
  std::chrono::milliseconds limit{10'000};  // for all of it
};

// HTTP and HTTPS, without proxies and without a user in the address. Redirects are followed, up to five, each by the
// same rules, and never from https to http. Any thread. Throws Error: usage (the rules forbid it, or it is no address),
// io (with the reason), cancelled.
[[nodiscard]] std::string fetch_file(const std::string& url, const FetchRules& rules, const std::stop_token& stop);

}  // namespace plimsoll::remote
