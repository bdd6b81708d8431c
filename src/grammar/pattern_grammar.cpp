#include "pattern_grammar.hpp"

#include <algorithm>
#include <vector>

#include <plimsoll/base/error.hpp>

#include "pattern_characters.hpp"

namespace plimsoll::grammar {
namespace {

constexpr std::size_t kDeepestGroup = 64;

using Length = std::optional<std::uint64_t>;  // empty: no end

Length sum(Length a, Length b) { return a && b ? Length(*a + *b) : std::nullopt; }

struct Piece {
  std::string gbnf{};
  std::uint64_t least = 0;
  Length most = 0;
  bool is_one_character = false;
};

Piece repeated(GbnfRules& rules, const Piece& piece, std::uint64_t least, Length most) {
  Length longest;
  if (piece.most == 0 || most == 0)
    longest = 0;
  else if (piece.most && most)
    longest = *piece.most * *most;
  return {.gbnf = rules.repeated(piece.gbnf, least, most), .least = piece.least * least, .most = longest};
}

// Recursive descent over the pattern.
class PatternReader {
 public:
  PatternReader(GbnfRules& rules, const std::string& pattern, Spelling spelling)
      : rules_(rules), reader_(pattern), spelling_(spelling), whole_(spelling == Spelling::text) {}

  PatternGrammar read() {
    if (reader_.take("(?i)")) ignores_case_ = true;
    Piece all = top_alternative();
    std::string gbnf = all.gbnf;
    bool several = false;
    while (reader_.take('|')) {
      const Piece more = top_alternative();
      gbnf += " | " + more.gbnf;
      all.least = std::min(all.least, more.least);
      all.most = all.most && more.most ? Length(std::max(*all.most, *more.most)) : std::nullopt;
      several = true;
    }
    if (reader_.more()) refuse("an unbalanced )");
    return {.gbnf = several ? "(" + gbnf + ")" : gbnf,
            .left_out = left_out_,
            .least = all.least,
            .most = all.most,
            .unit = several ? "" : unit_};
  }

 private:
  [[noreturn]] static void refuse(const std::string& what) { throw Error(ErrorCode::unsupported, what); }
  [[noreturn]] static void broken(const char* what) { throw Error(ErrorCode::usage, what); }

  // What a grammar has no word for: without it more is allowed.
  Piece leave_out(const char* what) {
    if (whole_) refuse(what);
    left_out_ = what;
    return {.gbnf = R"("")"};
  }

  // An alternative of the whole pattern, with what may stand before and behind it.
  Piece top_alternative() {
    const bool from_start = reader_.take('^') || reader_.take("\\A");
    to_end_ = false;
    pieces_ = 0;
    Piece piece = sequence();
    if (whole_ || (from_start && to_end_)) {
      if (pieces_ != 1) unit_.clear();
      return piece;
    }
    unit_.clear();
    const std::string anything = rules_.json("char") + "*";
    return {.gbnf = (from_start ? "" : anything + " ") + piece.gbnf + (to_end_ ? "" : " " + anything),
            .least = piece.least,
            .most = std::nullopt};
  }

  Piece alternatives() {
    Piece all = sequence();
    while (reader_.take('|')) {
      const Piece more = sequence();
      all.gbnf += " | " + more.gbnf;
      all.least = std::min(all.least, more.least);
      all.most = all.most && more.most ? Length(std::max(*all.most, *more.most)) : std::nullopt;
    }
    return all;
  }

  [[nodiscard]] bool take_end() {
    if (depth_ > 0) return false;
    for (const std::string_view end : {"$", "\\Z", "\\z"}) {
      if (reader_.ends_with_alternative(end)) return reader_.take(end);
    }
    return false;
  }

  Piece sequence() {
    Piece all{.gbnf = ""};
    while (reader_.more() && reader_.peek() != '|' && reader_.peek() != ')') {
      if (take_end()) {
        to_end_ = true;
        break;
      }
      const Piece piece = quantified();
      if (depth_ == 0) ++pieces_;
      if (piece.gbnf == R"("")") continue;
      all.gbnf += (all.gbnf.empty() ? "" : " ") + piece.gbnf;
      all.least += piece.least;
      all.most = sum(all.most, piece.most);
    }
    if (all.gbnf.empty()) all.gbnf = R"("")";  // an empty alternative would read on into the next rule
    return all;
  }

  Piece quantified() {
    const Piece piece = atom();
    if (depth_ == 0) unit_ = piece.is_one_character ? piece.gbnf : "";
    std::uint64_t least = 1;
    Length most = 1;
    if (reader_.take('*')) {
      least = 0, most = std::nullopt;
    } else if (reader_.take('+')) {
      most = std::nullopt;
    } else if (reader_.take('?')) {
      least = 0;
    } else if (reader_.take('{')) {
      std::tie(least, most) = reader_.counts();
    } else {
      return piece;
    }
    (void)reader_.take('?');  // lazy matches are the same matches
    if (reader_.peek() == '*' || reader_.peek() == '+' || reader_.peek() == '{') broken("a quantifier of a quantifier");
    return piece.gbnf == R"("")" ? piece : repeated(rules_, piece, least, most);
  }

  Piece character(CodeRanges ranges) {
    if (ignores_case_) ranges = in_both_cases(ranges);
    return {.gbnf = gbnf_one_of(ranges, spelling_), .least = 1, .most = 1, .is_one_character = true};
  }

  Piece atom() {
    const char32_t c = reader_.next();
    switch (c) {
      case '(':
        return group();
      case '[':
        return character(reader_.set());
      case '.':
        return character(complement_of(line_ends()));
      case '\\':
        return escape();
      case '^':
      case '$':
        return leave_out("^ or $ inside the pattern");
      case '*':
      case '+':
      case '?':
      case '{':
        broken("a quantifier of nothing");
      default:
        return character({{c, c}});
    }
  }

  Piece escape() {
    const char32_t c = reader_.peek();
    if (c == 'b' || c == 'B') {
      (void)reader_.next();
      return leave_out("word boundaries");
    }
    if (c == 'p' || c == 'P') {
      if (whole_) refuse("the escape \\p");
      reader_.skip_property();
      left_out_ = "the escape \\p";
      return character({{0, 0x10FFFF}});
    }
    if (c >= '1' && c <= '9') {
      const std::size_t number = reader_.next() - '1';
      if (whole_ || number >= groups_.size()) refuse("back-references");
      left_out_ = "back-references";
      return groups_[number];
    }
    return character(reader_.escape(false));
  }

  Piece group() {
    bool assertion = false;
    bool counted = true;
    if (reader_.take('?')) {
      counted = false;
      if (reader_.take("<=") || reader_.take("<!") || reader_.take('=') || reader_.take('!'))
        assertion = true;
      else if (reader_.take("P<") || reader_.take('<'))
        reader_.skip_name(), counted = true;
      else if (!reader_.take(':'))
        refuse("a group of an unknown kind");
    }
    if (assertion) (void)leave_out("look-around");
    if (++depth_ > kDeepestGroup) refuse("groups this deep");
    Piece inside = alternatives();
    --depth_;
    if (!reader_.take(')')) broken("a group without its end");
    if (assertion) return {.gbnf = R"("")"};
    inside.gbnf = "(" + inside.gbnf + ")";
    if (counted) groups_.push_back(inside);
    return inside;
  }

  GbnfRules& rules_;
  PatternCharacters reader_;
  Spelling spelling_;
  bool whole_;
  bool ignores_case_ = false;
  std::string left_out_;
  std::vector<Piece> groups_;
  std::size_t depth_ = 0;
  bool to_end_ = false;
  std::size_t pieces_ = 0;  // of the alternative at work
  std::string unit_;        // its last piece, where that is a character
};

}  // namespace

PatternGrammar json_pattern(GbnfRules& rules, const std::string& pattern) {
  return PatternReader(rules, pattern, Spelling::json).read();
}

PatternGrammar text_pattern(GbnfRules& rules, const std::string& pattern) {
  return PatternReader(rules, pattern, Spelling::text).read();
}

}  // namespace plimsoll::grammar
