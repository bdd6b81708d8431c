#include "grammar/gbnf_repetitions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace plimsoll::grammar {
namespace {

constexpr std::uint64_t kEnginesLimit = 2000;
constexpr std::uint64_t kLargestCount = 1'000'000;  // of a count, as far as this is concerned

// Counts as the engine does: each name that is met first, each group and each turn is a rule.
class Counter {
 public:
  explicit Counter(std::string_view text) : text_(text) {}

  std::string excess() {
    while (at_ < text_.size()) {
      if (std::string found = step(); !found.empty()) return found;
    }
    return "";
  }

 private:
  std::string step() {
    const char c = text_[at_];
    if (c == '"' || c == '[' || c == '<') return skip(c == '"' ? '"' : c == '[' ? ']' : '>'), "";
    if (c == '#') return skip_comment(), "";
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-') return name(), "";
    if (c == '*' || c == '+' || c == '?')
      return ++at_, repeat(c == '+' ? 1 : 0, c == '?' ? std::optional<std::uint64_t>(1) : std::nullopt, at_ - 1);
    if (c == '{') return counts();
    if (c == '(') groups_.push_back(rules_++);
    if (c == '.') before_ = 1;
    if (c == ')' && !groups_.empty()) {
      before_ = std::max<std::uint64_t>(1, rules_ - groups_.back());
      groups_.pop_back();
    }
    ++at_;
    return "";
  }

  void skip(char end) {
    for (++at_; at_ < text_.size() && text_[at_] != end; ++at_) {
      if (text_[at_] == '\\' && end != '>') ++at_;
    }
    ++at_;
    before_ = 1;
  }

  void skip_comment() {
    while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r') ++at_;
  }

  void name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '-'))
      ++at_;
    if (names_.insert(text_.substr(begin, at_ - begin)).second) ++rules_;
    before_ = 1;
  }

  std::string counts() {
    const std::size_t place = at_++;
    const auto least = number();
    std::optional<std::uint64_t> most = least;
    skip_blank();
    if (at_ < text_.size() && text_[at_] == ',') {
      ++at_;
      most = number();
      skip_blank();
    }
    if (!least || at_ >= text_.size() || text_[at_] != '}') return "";  // the engine refuses it
    ++at_;
    return repeat(*least, most, place);
  }

  void skip_blank() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  std::optional<std::uint64_t> number() {
    skip_blank();
    if (at_ >= text_.size() || std::isdigit(static_cast<unsigned char>(text_[at_])) == 0) return std::nullopt;
    std::uint64_t value = 0;
    for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0; ++at_)
      value = std::min(kLargestCount, value * 10 + static_cast<std::uint64_t>(text_[at_] - '0'));
    return value;
  }

  std::string repeat(std::uint64_t least, std::optional<std::uint64_t> most, std::size_t place) {
    const std::uint64_t times = most.value_or(0) > 0 ? *most : std::max<std::uint64_t>(least, 1);
    if (times > 1 && before_ * times > kEnginesLimit)
      return fmt::format("{} it repeats {} rules {} times; that may come to {}", where(place), before_, times,
                         kEnginesLimit);
    before_ *= times;
    const std::uint64_t turns = !most ? 1 : *most > least ? *most - least : 0;
    rules_ += turns;
    turns_ += turns + least;
    if (turns_ > kMostTurns)
      return fmt::format("{} the repetitions come to more than {} together", where(place), kMostTurns);
    return "";
  }

  [[nodiscard]] std::string where(std::size_t place) const {
    const std::string_view before = text_.substr(0, place);
    const std::size_t line = before.rfind('\n');
    return fmt::format("at line {}, column {}", 1 + std::ranges::count(before, '\n'),
                       line == std::string_view::npos ? place + 1 : place - line);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint64_t rules_ = 0;
  std::uint64_t before_ = 1;  // rules of what stands before a quantifier
  std::uint64_t turns_ = 0;
  std::vector<std::uint64_t> groups_;  // rules there were when each of them began
  std::set<std::string_view> names_;
};

}  // namespace

std::string excess_of_repetitions(std::string_view gbnf) { return Counter(gbnf).excess(); }

}  // namespace plimsoll::grammar
