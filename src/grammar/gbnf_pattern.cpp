#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>

#include "gbnf_rules.hpp"

namespace plimsoll::grammar {
namespace {

constexpr char32_t kLastCode = 0x10FFFF;
constexpr std::size_t kDeepest = 64;

struct Range {
  char32_t first;
  char32_t last;
};
using Ranges = std::vector<Range>;

// What a JSON string cannot hold as it is.
const Ranges& not_plain() {
  static const Ranges kRanges{{0, 0x1F}, {'"', '"'}, {'\\', '\\'}, {0x7F, 0x7F}, {0xD800, 0xDFFF}};
  return kRanges;
}

Ranges normal(Ranges ranges) {
  std::ranges::sort(ranges, {}, &Range::first);
  Ranges merged;
  for (const Range& range : ranges) {
    if (!merged.empty() && range.first <= merged.back().last + 1) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

Ranges complement(const Ranges& ranges) {
  Ranges rest;
  char32_t next = 0;
  for (const Range& range : normal(ranges)) {
    if (range.first > next) rest.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLastCode) rest.push_back({next, kLastCode});
  return rest;
}

bool holds(const Ranges& ranges, char32_t code) {
  return std::ranges::any_of(ranges, [&](const Range& range) { return code >= range.first && code <= range.last; });
}

// How the text is written where the grammar holds: inside a JSON string, or as it is.
enum class Spelling { json, text };

// One character of the set.
std::string one_of(const Ranges& wanted, Spelling spelling) {
  const bool json = spelling == Spelling::json;
  Ranges hidden = complement(wanted);
  if (json)
    hidden.insert(hidden.end(), not_plain().begin(), not_plain().end());
  else
    hidden.insert(hidden.end(), {{0, 0}, {0xD800, 0xDFFF}});
  std::vector<std::string> parts;
  std::string members;
  for (const Range& range : complement(hidden)) {
    members += gbnf_class_member(range.first);
    if (range.last != range.first) members += "-" + gbnf_class_member(range.last);
  }
  if (!members.empty()) parts.push_back("[" + members + "]");
  constexpr std::pair<char32_t, char> kEscapes[]{{'"', '"'},  {'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'},
                                                 {'\t', 't'}, {'\f', 'f'},  {'\b', 'b'}};
  for (const auto& [code, letter] : kEscapes) {
    if (json && holds(wanted, code)) parts.push_back(gbnf_literal(std::string{'\\', letter}));
  }
  if (parts.empty()) throw Error(ErrorCode::unsupported, "a set of characters that no JSON string is written with");
  return gbnf_any_of(parts);
}

const Ranges kDigits{{'0', '9'}};
const Ranges kWord{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const Ranges kSpace{{'\t', '\r'}, {' ', ' '}, {0xA0, 0xA0}, {0x2028, 0x2029}, {0x3000, 0x3000}};
const Ranges kLineEnds{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

// Recursive descent over an ECMAScript pattern.
class PatternReader {
 public:
  explicit PatternReader(const std::string& pattern, Spelling spelling = Spelling::json)
      : text_(to_code_points(pattern)), spelling_(spelling) {}

  // All of the text, from its first character to its last.
  std::string read_whole() {
    (void)take('^');
    std::string body = alternatives();
    if (at_ < text_.size()) refuse("an unbalanced )");
    return body;
  }

  std::string read(GbnfRules& rules) {
    const std::string anything = rules.json("char") + "*";
    const bool from_start = take('^');
    std::string body = alternatives();
    if (at_ < text_.size()) refuse("an unbalanced )");
    if (branches_ > 1 && (from_start || to_end_)) refuse("^ or $ beside |; put the alternatives in parentheses");
    return (from_start ? "" : anything + " ") + (branches_ > 1 ? "(" + body + ")" : body) +
           (to_end_ ? "" : " " + anything);
  }

 private:
  [[noreturn]] static void refuse(const std::string& what) { throw Error(ErrorCode::unsupported, what); }
  [[noreturn]] static void broken(const char* what) { throw Error(ErrorCode::usage, what); }

  [[nodiscard]] bool more() const { return at_ < text_.size(); }
  [[nodiscard]] char32_t peek() const { return more() ? text_[at_] : U'\0'; }
  bool take(char32_t c) {
    if (!more() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  char32_t next() {
    if (!more()) broken("the pattern ends too soon");
    return text_[at_++];
  }

  std::string alternatives() {
    std::string all = sequence();
    std::size_t count = 1;
    while (take('|')) {
      all += " | " + sequence();
      ++count;
    }
    if (depth_ == 0) branches_ = count;
    return all;
  }

  std::string sequence() {
    std::string all;
    while (more() && peek() != '|' && peek() != ')') {
      if (peek() == '$' && depth_ == 0 && at_ + 1 == text_.size()) {
        ++at_;
        to_end_ = true;
        break;
      }
      if (!all.empty()) all += ' ';
      all += quantified();
    }
    return all;
  }

  std::string quantified() {
    std::string piece = atom();
    if (take('*')) {
      piece += "*";
    } else if (take('+')) {
      piece += "+";
    } else if (take('?')) {
      piece += "?";
    } else if (take('{')) {
      piece += counted();
    } else {
      return piece;
    }
    (void)take('?');  // lazy matches are the same matches
    if (peek() == '*' || peek() == '+' || peek() == '{') broken("a quantifier of a quantifier");
    return piece;
  }

  std::string counted() {
    const std::uint64_t least = number();
    std::optional<std::uint64_t> most = least;
    if (take(',')) most = peek() == '}' ? std::nullopt : std::optional(number());
    if (!take('}') || (most && *most < least)) broken("a quantifier that is none");
    return gbnf_repeat(least, most).empty() ? "{1}" : gbnf_repeat(least, most);
  }

  std::uint64_t number() {
    std::uint64_t value = 0;
    std::size_t count = 0;
    for (; peek() >= '0' && peek() <= '9' && count < 6; ++count) value = value * 10 + (next() - '0');
    if (count == 0) broken("a quantifier that is none");
    return value;
  }

  std::string atom() {
    const char32_t c = next();
    switch (c) {
      case '(':
        return group();
      case '[':
        return one_of(set(), spelling_);
      case '.':
        return one_of(complement(kLineEnds), spelling_);
      case '\\':
        return one_of(escape(), spelling_);
      case '^':
      case '$':
        refuse("^ or $ inside the pattern");
      case '*':
      case '+':
      case '?':
      case '{':
        broken("a quantifier of nothing");
      default:
        return one_of({{c, c}}, spelling_);
    }
  }

  std::string group() {
    if (take('?')) {
      if (take('<') && peek() != '=' && peek() != '!') {
        while (next() != '>') {
        }
      } else if (!take(':')) {
        refuse("look-around");
      }
    }
    if (++depth_ > kDeepest) refuse("groups this deep");
    std::string inside = alternatives();
    --depth_;
    if (!take(')')) broken("a group without its end");
    return "(" + inside + ")";
  }

  Ranges set() {
    const bool negated = take('^');
    Ranges all;
    while (!take(']')) {
      const Ranges from = member();
      const bool range = peek() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']';
      if (!range || from.size() != 1 || from[0].first != from[0].last) {
        all.insert(all.end(), from.begin(), from.end());
        continue;
      }
      ++at_;
      const Ranges to = member();
      if (to.size() != 1 || to[0].first != to[0].last || to[0].first < from[0].first) broken("a range that is none");
      all.push_back({from[0].first, to[0].first});
    }
    return negated ? complement(all) : normal(all);
  }

  Ranges member() {
    const char32_t c = next();
    return c == '\\' ? escape(true) : Ranges{{c, c}};
  }

  Ranges escape(bool in_set = false) {
    const char32_t c = next();
    switch (c) {
      case 'd':
        return kDigits;
      case 'D':
        return complement(kDigits);
      case 'w':
        return kWord;
      case 'W':
        return complement(kWord);
      case 's':
        return kSpace;
      case 'S':
        return complement(kSpace);
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
      case 'b':
        if (in_set) return {{'\b', '\b'}};
        [[fallthrough]];
      case 'B':
        refuse("word boundaries");
      default:
        break;
    }
    if ((c >= '0' && c <= '9') || c == 'k') refuse("back-references");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) refuse("the escape \\" + to_utf8(c));
    return {{c, c}};
  }

  Ranges hex(int count) {
    char32_t code = 0;
    for (int i = 0; i < count; ++i) {
      const char32_t c = next();
      const bool digit = c >= '0' && c <= '9';
      const char32_t lower = c | 0x20U;
      if (!digit && (lower < 'a' || lower > 'f')) broken("an escape that is none");
      code = code * 16 + (digit ? c - '0' : lower - 'a' + 10);
    }
    return {{code, code}};
  }

  std::u32string text_;
  Spelling spelling_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::size_t branches_ = 1;
  bool to_end_ = false;
};

}  // namespace

std::string gbnf_pattern(GbnfRules& rules, const std::string& pattern) { return PatternReader(pattern).read(rules); }

std::string gbnf_text_pattern(const std::string& pattern) {
  return PatternReader(pattern, Spelling::text).read_whole();
}

}  // namespace plimsoll::grammar
