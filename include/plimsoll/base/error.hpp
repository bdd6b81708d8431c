// Error: what every failure looks like, everywhere: a stable code, a sentence for people, and the numbers. A call that
// cannot do what it was asked for throws one. Whether models would fit is a question: its answer is a value, the Plan.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plimsoll {

enum class ErrorCode {
  usage,                 // asked for what does not exist or contradicts itself; a handle that was moved from
  over_budget,           // a budget of ours is short; the device was not asked
  out_of_device_memory,  // the device's memory is short: it has too little free, or it refused an allocation
  model_unusable,        // missing, unreadable, damaged, unknown, or it makes the engine give up
  context_overflow,      // the prompt does not fit the context
  busy,                  // all sequences are taken, models at work hold the memory, or too many requests wait
  cancelled,             // the caller asked to stop
  sealed,                // a ready model asked for more than its reservation holds, or for a larger shape than planned
  unsupported,           // the engine or this model cannot do that
  io,                    // disk full, no permission
  engine_failed,         // the engine reported a failure that none of the above names
  arithmetic,            // a sum of bytes left its range
  internal,              // a broken promise of our own
  model_crashed,         // this request has ended the process of its model twice, and is not tried again
};

// The stable spelling: "over_budget". Used in JSON and in logs.
[[nodiscard]] std::string_view to_string(ErrorCode code) noexcept;

class Error : public std::runtime_error {
 public:
  using Numbers = std::vector<std::pair<std::string, std::uint64_t>>;

  Error(ErrorCode code, const std::string& message, Numbers numbers = {})
      : std::runtime_error(message), code_(code), numbers_(std::move(numbers)) {}

  [[nodiscard]] ErrorCode code() const noexcept { return code_; }
  // Named amounts behind the sentence, in the order they matter: {"needed", 123}, {"available", 45}.
  [[nodiscard]] const Numbers& numbers() const noexcept { return numbers_; }
  friend bool operator==(const Error& a, const Error& b) noexcept {
    return a.code_ == b.code_ && std::string_view(a.what()) == b.what() && a.numbers_ == b.numbers_;
  }

 private:
  ErrorCode code_;
  Numbers numbers_;
};

}  // namespace plimsoll
