#include "code_points.hpp"

#include <algorithm>

#include <plimsoll/base/error.hpp>

#include "gbnf_rules.hpp"

namespace plimsoll::grammar {
namespace {

constexpr char32_t kLastCode = 0x10FFFF;

// What a JSON string cannot hold as it is.
const CodeRanges& not_plain() {
  static const CodeRanges kRanges{{0, 0x1F}, {'"', '"'}, {'\\', '\\'}, {0x7F, 0x7F}, {0xD800, 0xDFFF}};
  return kRanges;
}

bool holds(const CodeRanges& ranges, char32_t code) {
  return std::ranges::any_of(ranges, [&](const CodeRange& range) { return code >= range.first && code <= range.last; });
}

}  // namespace

CodeRanges normal_ranges(CodeRanges ranges) {
  std::ranges::sort(ranges, {}, &CodeRange::first);
  CodeRanges merged;
  for (const CodeRange& range : ranges) {
    if (!merged.empty() && range.first <= merged.back().last + 1) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

CodeRanges complement_of(const CodeRanges& ranges) {
  CodeRanges rest;
  char32_t next = 0;
  for (const CodeRange& range : normal_ranges(ranges)) {
    if (range.first > next) rest.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLastCode) rest.push_back({next, kLastCode});
  return rest;
}

std::string gbnf_one_of(const CodeRanges& wanted, Spelling spelling) {
  const bool json = spelling == Spelling::json;
  CodeRanges hidden = complement_of(wanted);
  if (json)
    hidden.insert(hidden.end(), not_plain().begin(), not_plain().end());
  else
    hidden.insert(hidden.end(), {{0, 0}, {0xD800, 0xDFFF}});
  std::vector<std::string> parts;
  std::string members;
  for (const CodeRange& range : complement_of(hidden)) {
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

}  // namespace plimsoll::grammar
