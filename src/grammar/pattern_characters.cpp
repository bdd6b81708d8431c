#include "pattern_characters.hpp"

#include <algorithm>

#include <plimsoll/base/error.hpp>

#include "gbnf_rules.hpp"

namespace plimsoll::grammar {
namespace {

const CodeRanges kDigits{{'0', '9'}};
const CodeRanges kWord{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CodeRanges kSpace{{'\t', '\r'}, {' ', ' '}, {0xA0, 0xA0}, {0x2028, 0x2029}, {0x3000, 0x3000}};
constexpr std::size_t kMostDigits = 6;  // of a count

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorCode::unsupported, what); }
[[noreturn]] void broken(const char* what) { throw Error(ErrorCode::usage, what); }

}  // namespace

const CodeRanges& line_ends() {
  static const CodeRanges kRanges{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};
  return kRanges;
}

CodeRanges in_both_cases(CodeRanges ranges) {
  constexpr char32_t kApart = 'a' - 'A';
  const CodeRanges given = ranges;
  for (const CodeRange& range : given) {
    for (const bool upper : {true, false}) {
      const char32_t first = std::max<char32_t>(range.first, upper ? 'A' : 'a');
      const char32_t last = std::min<char32_t>(range.last, upper ? 'Z' : 'z');
      if (first > last) continue;
      ranges.push_back(upper ? CodeRange{first + kApart, last + kApart} : CodeRange{first - kApart, last - kApart});
    }
  }
  return normal_ranges(std::move(ranges));
}

PatternCharacters::PatternCharacters(const std::string& pattern) : text_(to_code_points(pattern)) {}

bool PatternCharacters::take(char32_t c) {
  if (!more() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool PatternCharacters::take(std::string_view ascii) {
  if (text_.size() - at_ < ascii.size() || !std::ranges::equal(
                                               ascii, std::u32string_view(text_).substr(at_, ascii.size()), {},
                                               [](char c) { return static_cast<char32_t>(c); }))
    return false;
  at_ += ascii.size();
  return true;
}

bool PatternCharacters::ends_with_alternative(std::string_view ascii) const {
  PatternCharacters ahead = *this;
  return ahead.take(ascii) && (!ahead.more() || ahead.peek() == '|');
}

char32_t PatternCharacters::next() {
  if (!more()) broken("the pattern ends too soon");
  return text_[at_++];
}

std::pair<std::uint64_t, std::optional<std::uint64_t>> PatternCharacters::counts() {
  const std::uint64_t least = peek() == ',' ? 0 : number();  // {,5} is Python's
  std::optional<std::uint64_t> most = least;
  if (take(',')) most = peek() == '}' ? std::nullopt : std::optional(number());
  if (!take('}') || (most && *most < least)) broken("a malformed quantifier");
  return {least, most};
}

std::uint64_t PatternCharacters::number() {
  std::uint64_t value = 0;
  std::size_t count = 0;
  for (; peek() >= '0' && peek() <= '9' && count < kMostDigits; ++count) value = value * 10 + (next() - '0');
  if (count == 0) broken("a malformed quantifier");
  return value;
}

CodeRanges PatternCharacters::set() {
  const bool negated = take('^');
  CodeRanges all;
  while (!take(']')) {
    const CodeRanges from = member();
    const bool range = peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']';
    if (!range || from.size() != 1 || from[0].first != from[0].last) {
      all.insert(all.end(), from.begin(), from.end());
      continue;
    }
    ++at_;
    const CodeRanges to = member();
    if (to.size() != 1 || to[0].first != to[0].last || to[0].first < from[0].first) broken("a malformed range");
    all.push_back({from[0].first, to[0].first});
  }
  return negated ? complement_of(all) : normal_ranges(all);
}

CodeRanges PatternCharacters::member() {
  const char32_t c = next();
  return c == '\\' ? escape(true) : CodeRanges{{c, c}};
}

CodeRanges PatternCharacters::escape(bool in_a_set) {
  const char32_t c = next();
  switch (c) {
    case 'd':
      return kDigits;
    case 'D':
      return complement_of(kDigits);
    case 'w':
      return kWord;
    case 'W':
      return complement_of(kWord);
    case 's':
      return kSpace;
    case 'S':
      return complement_of(kSpace);
    case 'n':
      return {{'\n', '\n'}};
    case 'r':
      return {{'\r', '\r'}};
    case 't':
      return {{'\t', '\t'}};
    case 'f':
      return {{'\f', '\f'}};
    case 'v':
      return {{'\v', '\v'}};
    case 'x':
      return hex(2);
    case 'u':
      return hex(4);
    default:
      break;
  }
  if (c == 'b' && in_a_set) return {{'\b', '\b'}};
  if ((c >= '0' && c <= '9') || c == 'k') refuse("back-references");
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) refuse("the escape \\" + to_utf8(c));
  return {{c, c}};
}

CodeRanges PatternCharacters::hex(int count) {
  char32_t code = 0;
  for (int i = 0; i < count; ++i) {
    const char32_t c = next();
    const bool digit = c >= '0' && c <= '9';
    const char32_t lower = c | 0x20U;
    if (!digit && (lower < 'a' || lower > 'f')) broken("a malformed escape");
    code = code * 16 + (digit ? c - '0' : lower - 'a' + 10);
  }
  return {{code, code}};
}

void PatternCharacters::skip_name() {
  while (next() != '>') {
  }
}

void PatternCharacters::skip_property() {
  (void)next();
  if (!take('{')) {
    (void)next();
    return;
  }
  while (next() != '}') {
  }
}

}  // namespace plimsoll::grammar
