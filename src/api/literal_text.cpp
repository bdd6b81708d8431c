#include "literal_text.hpp"

#include <cstdint>
#include <string>

#include "grammar/marked_form.hpp"
#include "grammar/tool_opening.hpp"

#include "call_name.hpp"

namespace plimsoll::api {
namespace {

struct NoLiteral {};

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static constexpr std::uint32_t kFirst[] = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(kFirst[more] | (code >> (6 * more)));
  for (int i = more - 1; i >= 0; --i) out += static_cast<char>(0x80U | ((code >> (6 * i)) & 0x3FU));
}

class LiteralReader {
 public:
  explicit LiteralReader(std::string_view text, std::string_view quote = {}) : text_(text), quote_(quote) {}

  Json calls() {
    Json out = Json::array();
    expect('[');
    while (!take(']')) {
      if (!out.empty()) expect(',');
      if (!out.empty() && take(']')) break;
      out.push_back(call());
    }
    expect_end();
    return out;
  }

  Json object() {
    expect('{');
    Json out = members('}', ':');
    expect_end();
    return out;
  }

 private:
  void expect_end() {
    skip_spaces();
    if (!text_.empty()) throw NoLiteral{};
  }

  Json call() {
    const std::string name = word();
    expect('(');
    return {{"name", name}, {"arguments", members(')', '=')}};
  }

  // As far as `end`; `mark` stands behind the keys.
  Json members(char end, char mark) {
    Json out = Json::object();
    bool is_first = true;
    while (!take(end)) {
      if (!is_first) expect(',');
      if (!is_first && take(end)) break;
      is_first = false;
      skip_spaces();
      std::string key = begins_string() ? string() : word();
      expect(mark);
      out[std::move(key)] = value();
      if (out.size() > static_cast<std::size_t>(kMostMembers)) throw NoLiteral{};
    }
    return out;
  }

  Json value() {
    skip_spaces();
    if (begins_string()) return string();
    if (++depth_ > kDeepestJson) throw NoLiteral{};
    Json out = inner_value();
    --depth_;
    return out;
  }

  Json inner_value() {
    if (take('{')) return members('}', ':');
    if (take('[')) return elements(']');
    if (take('(')) return elements(')');
    const std::string said = word("+");
    if (said == "True" || said == "true") return true;
    if (said == "False" || said == "false") return false;
    if (said == "None" || said == "null") return nullptr;
    const auto number = json_inside(said);
    if (!number || !number->is_number()) throw NoLiteral{};
    return *number;
  }

  Json elements(char end) {
    Json out = Json::array();
    while (!take(end)) {
      if (!out.empty()) expect(',');
      if (!out.empty() && take(end)) break;
      out.push_back(value());
    }
    return out;
  }

  [[nodiscard]] bool begins_string() const {
    if (!quote_.empty()) return text_.starts_with(quote_);
    return text_.starts_with('"') || text_.starts_with('\'');
  }

  // Between marks everything is as it stands.
  std::string marked_string() {
    text_.remove_prefix(quote_.size());
    const std::size_t end = text_.find(quote_);
    if (end == std::string_view::npos) throw NoLiteral{};
    std::string out(text_.substr(0, end));
    text_.remove_prefix(end + quote_.size());
    return out;
  }

  std::string string() {
    if (!quote_.empty()) return marked_string();
    const char quote = next();
    std::string out;
    for (char c = next(); c != quote; c = next()) {
      if (c == '\\')
        escaped(out);
      else
        out += c;
    }
    return out;
  }

  // Unknown ones stay as they are, as in Python.
  void escaped(std::string& out) {
    static constexpr std::string_view kLetters = "bfnrt";
    static constexpr std::string_view kMeant = "\b\f\n\r\t";
    const char c = next();
    const std::size_t known = kLetters.find(c);
    if (known != std::string_view::npos) {
      out += kMeant[known];
    } else if (c == 'u') {
      append_utf8(out, code_point());
    } else {
      if (!std::string_view("\"'\\/").contains(c)) out += '\\';
      out += c;
    }
  }

  std::uint32_t code_point() {
    const std::uint32_t high = code_unit();
    if (high < 0xD800 || high > 0xDFFF) return high;
    if (high > 0xDBFF || !text_.starts_with("\\u")) return 0xFFFD;
    text_.remove_prefix(2);
    const std::uint32_t low = code_unit();
    return low < 0xDC00 || low > 0xDFFF ? 0xFFFD : 0x10000 + ((high - 0xD800) << 10U) + (low - 0xDC00);
  }

  std::uint32_t code_unit() {
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      static constexpr std::string_view kDigits = "0123456789abcdef";
      const char c = next();
      const std::size_t digit = kDigits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
      if (digit == std::string_view::npos) throw NoLiteral{};
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  // A name or a number.
  std::string word(std::string_view more = "$") {
    skip_spaces();
    std::size_t length = 0;
    while (length < text_.size() && (is_of_a_name(text_[length]) || more.contains(text_[length]) ||
                                     static_cast<unsigned char>(text_[length]) >= 0x80))
      ++length;
    if (length == 0) throw NoLiteral{};
    std::string out(text_.substr(0, length));
    text_.remove_prefix(length);
    return out;
  }

  char next() {
    if (text_.empty()) throw NoLiteral{};
    const char c = text_.front();
    text_.remove_prefix(1);
    return c;
  }

  void skip_spaces() {
    while (!text_.empty() && grammar::kSpaces.contains(text_.front())) text_.remove_prefix(1);
  }

  bool take(char c) {
    skip_spaces();
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!take(c)) throw NoLiteral{};
  }

  std::string_view text_;
  std::string_view quote_;  // around strings; empty: one character, with escapes in them
  std::size_t depth_ = 0;
};

}  // namespace

std::optional<Json> python_calls(std::string_view text) {
  try {
    return LiteralReader(text).calls();
  } catch (const NoLiteral&) {
    return std::nullopt;
  }
}

std::optional<Json> gemma_object(std::string_view text) {
  try {
    return LiteralReader(text, grammar::kGemmaQuote).object();
  } catch (const NoLiteral&) {
    return std::nullopt;
  }
}

}  // namespace plimsoll::api
