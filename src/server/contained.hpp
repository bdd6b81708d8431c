// contained: work that may throw where nobody catches.
#pragma once
#include <exception>
#include <string_view>
#include <utility>

#include "base/log.hpp"

namespace plimsoll::server {

// The HTTP library catches what a route throws, and nothing else: what a content provider, a logger or an error handler
// of ours lets out would end the process. Where the system has no memory, that may be what tells of a failure. False:
// the work threw, which is in the log where the log has memory for it.
template <class Work>
bool contained(std::string_view what, Work&& work) noexcept {
  try {
    std::forward<Work>(work)();
    return true;
  } catch (const std::exception& error) {
    try {
      log::error("server", "{} failed: {}", what, error.what());
    } catch (...) {  // NOLINT(bugprone-empty-catch): there is no other place to tell it
    }
  } catch (...) {  // NOLINT(bugprone-empty-catch): nothing is known of it
  }
  return false;
}

}  // namespace plimsoll::server
