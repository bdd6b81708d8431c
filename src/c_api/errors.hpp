// errors: failures as values that C can hold.
#pragma once
#include <exception>
#include <string>

#include <plimsoll.h>
#include <plimsoll/base/error.hpp>

// NOLINTBEGIN(readability-identifier-naming): C's names
struct plimsoll_error {
  plimsoll_code code = PLIMSOLL_OK;
  std::string message;
  std::string numbers = "{}";  // JSON
};
// NOLINTEND(readability-identifier-naming)

namespace plimsoll::c_api {

// What a callback of the program let out.
class CallbackFailed : public std::exception {
 public:
  explicit CallbackFailed(std::string what) : what_(std::move(what)) {}
  [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

[[nodiscard]] plimsoll_code code_of(ErrorCode code) noexcept;

// The exception that is being handled as an error of the caller's. Where there is no memory for one, an error that says
// so and that was made before.
[[nodiscard]] plimsoll_error* caught() noexcept;
// The same, kept for ever and made once for each sentence: of what closes handles, whose errors nobody need free.
[[nodiscard]] plimsoll_error* caught_and_kept() noexcept;

}  // namespace plimsoll::c_api
