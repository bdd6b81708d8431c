// TextStream: token pieces in, whole UTF-8 text out, ending where a stop string begins.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "run/stop_match.hpp"

namespace plimsoll::run {

// Holds back what may still become a character or a stop string. One thread.
class TextStream {
 public:
  // Empty strings are ignored. keep_stop_string: it is shown, too.
  explicit TextStream(std::vector<std::string> stop_strings = {}, bool keep_stop_string = false);

  // What can be shown now; may be empty. After stopped() nothing comes any more.
  [[nodiscard]] std::string push(std::string_view piece);
  // What was held back, once no more pieces come. A character that never ended becomes U+FFFD.
  [[nodiscard]] std::string finish();
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }
  // The stop string that ended it; empty: none did.
  [[nodiscard]] const std::string& stopped_by() const noexcept { return stopped_by_; }

 private:
  [[nodiscard]] std::size_t showable() const;
  [[nodiscard]] std::string take(std::size_t bytes);

  std::vector<StopMatch> stops_;
  bool keep_stop_string_;
  std::string held_;
  std::size_t taken_ = 0;  // of its bytes have been shown
  bool stopped_ = false;
  std::string stopped_by_;
};

// Bytes at the end of `text` that begin a UTF-8 character but do not end it: 0 to 3.
[[nodiscard]] std::size_t incomplete_utf8_tail(std::string_view text) noexcept;

}  // namespace plimsoll::run
