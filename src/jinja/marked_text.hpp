// MarkedText: a text, and which of its bytes came in with the values. The rest is the template's own. What a vocabulary
// makes of them differs: "<|im_end|>" is a token where the template writes it, and ten letters where a message says it.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plimsoll::jinja {

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
  friend bool operator==(const Range&, const Range&) = default;
};
using Ranges = std::vector<Range>;  // ascending; none is empty, and none begins where another ends

struct MarkedText {
  std::string text{};
  Ranges input{};

  [[nodiscard]] bool any_input() const noexcept { return !input.empty(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return text.size() + input.size() * sizeof(Range); }

  MarkedText& operator+=(std::string_view own) {
    text += own;
    return *this;
  }
  MarkedText& operator+=(const MarkedText& more) {
    append(more, 0, more.text.size());
    return *this;
  }
  void append(const MarkedText& from, std::size_t begin, std::size_t size);
  void append_input(std::string_view more);
  void append_as(bool is_input, std::string_view more) {
    if (is_input)
      append_input(more);
    else
      text += more;
  }
  void cut(std::size_t size);  // what stands behind so many bytes goes

  friend bool operator==(const MarkedText&, const MarkedText&) = default;
};

[[nodiscard]] MarkedText own_text(std::string text);
[[nodiscard]] MarkedText input_text(std::string text);
// `part` is a view into `whole.text`, or empty.
[[nodiscard]] MarkedText part_of(const MarkedText& whole, std::string_view part);
// What became of `from`, where nobody knows which of its letters became which: letter for letter where these are ASCII
// and as many, else all of it came in where anything did.
[[nodiscard]] MarkedText made_of(const MarkedText& from, std::string text);

// Calls `work(is_input, piece)` for each run of bytes of one origin, in order.
template <class Work>
void each_run(const MarkedText& text, Work work) {
  const std::string_view whole = text.text;
  std::size_t at = 0;
  for (const Range& range : text.input) {
    if (range.begin > at) work(false, whole.substr(at, range.begin - at));
    work(true, whole.substr(range.begin, range.end - range.begin));
    at = range.end;
  }
  if (at < whole.size()) work(false, whole.substr(at));
}

// With `change` done to each run: for what looks at one letter at a time.
template <class Change>
[[nodiscard]] MarkedText changed_by_runs(const MarkedText& text, Change change) {
  MarkedText out;
  each_run(text, [&](bool is_input, std::string_view piece) { out.append_as(is_input, change(piece)); });
  return out;
}

}  // namespace plimsoll::jinja
