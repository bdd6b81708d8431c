// UnknownFields: what becomes of those parts of a request that nobody does anything about: ignored and named, or
// refused.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::api {

enum class UnknownRule { ignore, refuse };

// Collects, while it lives, what is ignored by the requests that its thread reads. They may stand inside each other;
// the innermost counts.
class UnknownFields {
 public:
  explicit UnknownFields(UnknownRule rule);
  ~UnknownFields();
  UnknownFields(const UnknownFields&) = delete;
  UnknownFields& operator=(const UnknownFields&) = delete;

  // Each once, in the order in which they were met: "messages[].timestamp", of printable ASCII without commas. No more
  // than kMost.
  [[nodiscard]] const std::vector<std::string>& ignored() const noexcept { return ignored_; }

  // A part of a request that is not done. `why`: ends the sentence "'NAME' is not supported here: ...". Throws Problem
  // 400 at the path where the rule is to refuse. Without anybody who collects, it is ignored.
  static void met(const std::string& path, std::string_view why = {});

  // The rule here and now is to refuse.
  [[nodiscard]] static bool refuses() noexcept;

  // Known, and without a meaning here: accepted, and told nobody but who draws up the table of docs/server.md.
  [[nodiscard]] const std::vector<std::string>& needless() const noexcept { return needless_; }
  static void met_needless(const std::string& path);

  static constexpr std::size_t kMost = 32;
  static constexpr std::size_t kLongestName = 64;

 private:
  UnknownRule rule_;
  UnknownFields* outer_;
  std::vector<std::string> ignored_;
  std::vector<std::string> needless_;
};

// "messages[12].x" -> "messages[].x": short, and safe in a header.
[[nodiscard]] std::string name_of_ignored(std::string_view path);

}  // namespace plimsoll::api
