// TextFilter: changes a stream of text on its way out.
#pragma once
#include <string>
#include <string_view>

namespace plimsoll::run {

// One stream at a time, one thread.
class TextFilter {
 public:
  virtual ~TextFilter() = default;
  // What can be shown now; may hold text back.
  [[nodiscard]] virtual std::string push(std::string_view text) = 0;
  // What was held back, at the end of the stream. The next push() begins a new one.
  [[nodiscard]] virtual std::string finish() = 0;
};

}  // namespace plimsoll::run
