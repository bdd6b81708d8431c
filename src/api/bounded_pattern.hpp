// BoundedPattern: whether a text matches a pattern of a stranger's, in bounded time and memory.
#pragma once
#include <memory>
#include <optional>
#include <string>

namespace plimsoll::api {

// An ECMAScript pattern, as PCRE2 reads it. One thread.
class BoundedPattern {
 public:
  // Throws Error{usage} where it is not a regular expression, or comes to too much.
  explicit BoundedPattern(const std::string& pattern);
  ~BoundedPattern();
  BoundedPattern(BoundedPattern&&) noexcept;
  BoundedPattern& operator=(BoundedPattern&&) noexcept;

  // Somewhere in the text. Empty: it would take too long to tell.
  [[nodiscard]] std::optional<bool> matches(const std::string& utf8) const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace plimsoll::api
