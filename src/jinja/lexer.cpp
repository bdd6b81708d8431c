// Jinja2's lexer with trim_blocks and lstrip_blocks: the newline behind a block or comment goes, and so does the white
// space between a line's begin and a block or comment. `-` takes all white space on its side, `+` keeps it.
#include <algorithm>
#include <charconv>

#include "text.hpp"
#include "token.hpp"

namespace plimsoll::jinja {
namespace {

bool name_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool digit(char c) { return c >= '0' && c <= '9'; }

// "\r\n" and "\r" are newlines; one newline at the end does not count.
std::string with_plain_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && source.substr(i + 1).starts_with('\n')) continue;
    out += source[i] == '\r' ? '\n' : source[i];
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : text_(with_plain_newlines(source)) {}

  std::vector<Token> run() {
    while (at_ < text_.size()) read_data();
    add(TokenKind::end);
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void wrong(const std::string& what) const { fail("line {}: {}", line_, what); }
  [[nodiscard]] std::string_view rest() const { return std::string_view(text_).substr(at_); }
  void skip(std::size_t count) {
    line_ += static_cast<int>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         text_.begin() + static_cast<std::ptrdiff_t>(at_ + count), '\n'));
    at_ += count;
  }
  void skip_space() { skip(rest().size() - strip(rest(), Side::left).size()); }
  bool take(std::string_view what) {
    const bool there = rest().starts_with(what);
    if (there) skip(what.size());
    return there;
  }
  void add(TokenKind kind, std::string text = {}, Value value = {}) {
    tokens_.push_back({.kind = kind, .text = std::move(text), .value = std::move(value), .line = line_});
  }

  [[nodiscard]] std::size_t next_mark() const {
    for (std::size_t mark = text_.find('{', at_); mark != std::string::npos; mark = text_.find('{', mark + 1)) {
      if (mark + 1 < text_.size() && std::string_view("{%#").contains(text_[mark + 1])) return mark;
    }
    return std::string::npos;
  }

  // The text up to the next mark, and what the mark opens.
  void read_data() {
    const std::size_t mark = next_mark();
    if (mark == std::string::npos) {
      add(TokenKind::data, text_.substr(at_));
      return skip(text_.size() - at_);
    }
    const char kind = text_[mark + 1];
    const char sign = mark + 2 < text_.size() ? text_[mark + 2] : ' ';
    add_data(std::string_view(text_).substr(at_, mark - at_), sign, kind != '{');
    skip(mark - at_ + 2);
    if (sign == '-' || sign == '+') skip(1);
    if (kind == '#')
      read_comment();
    else if (kind == '{')
      read_print();
    else
      read_block();
  }

  void add_data(std::string_view data, char sign, bool block) {
    if (sign == '-') {
      data = strip(data, Side::right);
    } else if (sign != '+' && block) {
      const std::size_t line_begin = data.rfind('\n') + 1;
      if ((line_begin > 0 || line_starts_) && strip(data.substr(line_begin), Side::both).empty())
        data = data.substr(0, line_begin);
    }
    if (!data.empty()) add(TokenKind::data, std::string(data));
  }

  // Behind the closing mark of a block or comment, whose sign was `sign`.
  void after_mark(char sign, bool trims) {
    const std::size_t before = at_;
    if (sign == '-')
      skip_space();
    else if (sign != '+' && trims)
      take("\n");
    line_starts_ = at_ > before && text_[at_ - 1] == '\n';
  }

  void read_comment() {
    const std::size_t end = text_.find("#}", at_);
    if (end == std::string::npos) wrong("a comment has no end");
    const char sign = end > at_ ? text_[end - 1] : ' ';
    skip(end + 2 - at_);
    after_mark(sign, true);
  }

  void read_print() {
    add(TokenKind::print_begin);
    after_mark(read_tokens("}}", TokenKind::print_end), false);
  }

  void read_block() {
    if (at_raw("raw")) return read_raw();
    add(TokenKind::block_begin);
    after_mark(read_tokens("%}", TokenKind::block_end), true);
  }

  // Whether "raw" or "endraw" and a closing mark stand here, behind an opening one.
  [[nodiscard]] bool at_raw(std::string_view word) const {
    std::string_view text = strip(rest(), Side::left);
    if (!text.starts_with(word)) return false;
    text = strip(text.substr(word.size()), Side::left);
    return text.starts_with("%}") || text.starts_with("-%}") || (word == "endraw" && text.starts_with("+%}"));
  }

  char close_raw() {
    const std::size_t end = text_.find("%}", at_);
    const char sign = text_[end - 1];
    skip(end + 2 - at_);
    return sign;
  }

  void read_raw() {
    after_mark(close_raw(), false);
    const std::size_t begin = at_;
    for (std::size_t mark = text_.find("{%", at_); mark != std::string::npos; mark = text_.find("{%", mark + 2)) {
      const char sign = mark + 2 < text_.size() ? text_[mark + 2] : ' ';
      at_ = mark + 2 + (sign == '-' || sign == '+' ? 1 : 0);
      const bool ends = at_raw("endraw");
      at_ = begin;
      if (!ends) continue;
      add_data(std::string_view(text_).substr(begin, mark - begin), sign, true);
      skip(mark - begin + 2);
      return after_mark(close_raw(), true);
    }
    if (begin < text_.size()) wrong("'raw' has no 'endraw'");
  }

  // What stands between two marks. Returns the sign of the closing one.
  char read_tokens(std::string_view close, TokenKind end) {
    for (std::string open;;) {
      skip_space();
      if (rest().empty()) wrong(fmt::format("'{}' is missing", close));
      if (open.empty()) {
        const char sign = rest()[0];
        const bool signed_end = (sign == '-' || (sign == '+' && close == "%}")) && rest().substr(1).starts_with(close);
        if (signed_end || rest().starts_with(close)) {
          add(end);
          skip(close.size() + (signed_end ? 1 : 0));
          return signed_end ? sign : ' ';
        }
      }
      read_token(open);
    }
  }

  void read_token(std::string& open) {
    const char c = rest()[0];
    if (digit(c)) return read_number();
    if (name_letter(c)) {
      std::size_t size = 1;
      while (size < rest().size() && name_letter(rest()[size])) ++size;
      add(TokenKind::name, std::string(rest().substr(0, size)));
      return skip(size);
    }
    if (c == '\'' || c == '"') return read_string(c);
    static constexpr std::string_view kSigns[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                  "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                  ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};
    const auto* sign = std::ranges::find_if(kSigns, [&](std::string_view each) { return rest().starts_with(each); });
    if (sign == std::end(kSigns))
      wrong(fmt::format("the character '{}' has no meaning here", encode(decode(rest().substr(0, 4)).substr(0, 1))));
    balance(sign->at(0), open);
    add(TokenKind::sign, std::string(*sign));
    skip(sign->size());
  }

  void balance(char c, std::string& open) const {
    static constexpr std::string_view kOpen = "([{";
    static constexpr std::string_view kClose = ")]}";
    if (const std::size_t at = kOpen.find(c); at != std::string_view::npos) open += kClose[at];
    if (!kClose.contains(c)) return;
    if (open.empty() || open.back() != c) wrong(fmt::format("'{}' closes what is not open", c));
    open.pop_back();
  }

  void read_string(char mark) {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != mark) end += text_[end] == '\\' ? 2U : 1U;
    if (end >= text_.size()) wrong("a string has no end");
    add(TokenKind::literal, {}, Value(unescape(std::string_view(text_).substr(at_ + 1, end - at_ - 1))));
    skip(end + 1 - at_);
  }

  // Python's escapes; one that it does not know stays as it is.
  std::string unescape(std::string_view text) const {
    static constexpr std::string_view kEscapes = "\\'\"abfnrtv\n";
    static constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";
    std::string out;
    while (!text.empty()) {
      const std::size_t at = std::min(text.find('\\'), text.size());
      out += text.substr(0, at);
      text.remove_prefix(at);
      if (text.empty()) break;
      const std::size_t escape = kEscapes.find(text[1]);
      if (escape < kMeanings.size()) out += kMeanings[escape];
      if (escape != std::string_view::npos)
        text.remove_prefix(2);
      else
        unescape_number(text, out);
    }
    return out;
  }

  void unescape_number(std::string_view& text, std::string& out) const {
    static constexpr std::string_view kKinds = "xuU";
    static constexpr std::size_t kSizes[] = {2, 4, 8};
    const std::size_t kind = kKinds.find(text[1]);
    const bool octal = text[1] >= '0' && text[1] <= '7';
    const std::string_view digits = octal                            ? text.substr(1, 3)
                                    : kind == std::string_view::npos ? ""
                                                                     : text.substr(2, kSizes[kind]);
    unsigned number = 0;
    const char* end = std::from_chars(digits.data(), digits.data() + digits.size(), number, octal ? 8 : 16).ptr;
    const auto read = static_cast<std::size_t>(end - digits.data());
    if (kind != std::string_view::npos && (read < kSizes[kind] || number > 0x10FFFF))
      wrong("an escape of a string is cut off");
    if (read == 0) {
      out += text.substr(0, 2);
      return text.remove_prefix(2);
    }
    text.remove_prefix(read + (octal ? 1 : 2));
    if (number >= 0xDC00 && number < 0xE000 && out.size() >= 3 && decode(out.substr(out.size() - 3)).size() == 1) {
      const char32_t high = decode(out.substr(out.size() - 3))[0];  // both halves of a letter beyond 16 bits
      if (high >= 0xD800 && high < 0xDC00) {
        out.resize(out.size() - 3);
        number = 0x10000 + ((high - 0xD800) << 10) + (number - 0xDC00);
      }
    }
    const char32_t letter = number;
    out += encode({&letter, 1});
  }

  void read_number() {
    std::string digits;
    std::size_t end = at_;
    const bool based = rest().size() > 1 && rest()[0] == '0' && std::string_view("bBoOxX").contains(rest()[1]);
    bool real = false;
    const auto accept = [&](auto good) {
      while (end < text_.size() &&
             (good(text_[end]) || (text_[end] == '_' && end + 1 < text_.size() && good(text_[end + 1])))) {
        if (text_[end] != '_') digits += text_[end];
        ++end;
      }
    };
    if (based) end += 2;
    accept([&](char c) { return based ? std::isxdigit(static_cast<unsigned char>(c)) != 0 : digit(c); });
    const bool after_dot = at_ > 0 && text_[at_ - 1] == '.';
    if (!based && !after_dot && end + 1 < text_.size() && text_[end] == '.' && digit(text_[end + 1])) {
      real = true, digits += '.', ++end;
      accept(digit);
    }
    if (!based && !after_dot && end < text_.size() && (text_[end] | 0x20) == 'e') {
      const std::size_t sign = end + 1 < text_.size() && std::string_view("+-").contains(text_[end + 1]) ? 2 : 1;
      if (end + sign < text_.size() && digit(text_[end + sign])) {
        real = true, digits += text_.substr(end, sign), end += sign;
        accept(digit);
      }
    }
    const int base = !based ? 10 : (rest()[1] | 0x20) == 'x' ? 16 : (rest()[1] | 0x20) == 'o' ? 8 : 2;
    add(TokenKind::literal, {}, real ? Value(std::strtod(digits.c_str(), nullptr)) : Value(whole(digits, base)));
    skip(end - at_);
  }

  [[nodiscard]] Integer whole(std::string_view digits, int base) const {
    Integer number = 0;
    for (const char c : digits) {
      const int value = digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
      if (value >= base) wrong(fmt::format("'{}' is not a number", digits));
      if (__builtin_mul_overflow(number, base, &number) || __builtin_add_overflow(number, value, &number))
        wrong("a number is too large");
    }
    return number;
  }

  std::string text_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool line_starts_ = true;  // the text before ended in a newline
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace plimsoll::jinja
