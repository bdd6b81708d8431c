// StopMatch: where a string begins or ends in text that comes piece by piece.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::run {

// Reads each byte once, however long the string is (Knuth, Morris and Pratt). One thread.
class StopMatch {
 public:
  explicit StopMatch(std::string stop) : stop_(std::move(stop)) {}  // not empty

  // Bytes of `piece` up to the end of the first whole string; empty: none ends in it.
  [[nodiscard]] std::optional<std::size_t> read(std::string_view piece);
  // How much of a string the end of what was read is.
  [[nodiscard]] std::size_t begun() const noexcept { return begun_; }
  // What was read before the last so many bytes belongs to no string any more.
  void begin_within(std::size_t bytes);
  [[nodiscard]] const std::string& string() const noexcept { return stop_; }

 private:
  void add(char next);

  std::string stop_;
  std::size_t begun_ = 0;
  // Of each beginning of the string, from one byte on: the longest shorter one that is its end. As far as was read.
  std::vector<std::size_t> borders_;
};

}  // namespace plimsoll::run
