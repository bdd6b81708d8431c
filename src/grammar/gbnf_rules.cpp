#include "gbnf_rules.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <ranges>
#include <span>

#include <plimsoll/base/error.hpp>

namespace plimsoll::grammar {
namespace {

struct JsonRule {
  const char* body;
  std::vector<std::string> needs;
};

// Exponents of two digits and numbers of 16: more would leave what a double can hold.
const std::map<std::string, JsonRule>& json_rules() {
  static const std::map<std::string, JsonRule> kRules{
      {"ws", {R"(| " " | "\n" [ \t]{0,20})", {}}},
      {"null", {R"("null")", {}}},
      {"boolean", {R"("true" | "false")", {}}},
      {"integer", {R"("-"? ("0" | [1-9] [0-9]{0,15}))", {}}},
      {"number", {R"("-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?)", {}}},
      {"plain", {R"([^"\\\x7F\x00-\x1F\uD800-\uDFFF\U00110000-\U001FFFFF])", {}}},
      // Half a surrogate pair is no character, and none is beyond U+10FFFF.
      {"char",
       {R"(plain | "\\" (["\\/bfnrt] | "u" ([0-9a-cA-CefEF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2})))", {"plain"}}},
      {"string", {R"("\"" char* "\"")", {"char"}}},
      {"value",
       {"object | array | string | number | boolean | null",
        {"object", "array", "string", "number", "boolean", "null"}}},
      {"object", {R"("{" ws (string ":" ws value ("," ws string ":" ws value)*)? ws "}")", {"ws", "string", "value"}}},
      {"array", {R"("[" ws (value ("," ws value)*)? ws "]")", {"ws", "value"}}},
  };
  return kRules;
}

constexpr std::uint64_t kBlock = 1000;  // well below the engine's 2000, which counts rules inside, too
constexpr std::uint64_t kFew = 8;       // no rule of its own
constexpr std::size_t kLongestName = 64;

bool may_be_in_a_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// A name, a class or a literal: what a quantifier may stand behind.
bool is_one_thing(std::string_view expression) {
  if (expression.empty()) return false;
  const char first = expression.front();
  if (may_be_in_a_name(first))
    return std::ranges::all_of(expression, [](char c) { return may_be_in_a_name(c) || c == '-'; });
  if (first != '[' && first != '"') return false;
  const char last = first == '[' ? ']' : '"';
  for (std::size_t i = 1; i < expression.size(); ++i) {
    if (expression[i] == '\\')
      ++i;
    else if (expression[i] == last)
      return i + 1 == expression.size();
  }
  return false;
}

// A trie of words, one rule for each node: what may follow there so that no word comes out.
class OtherThan {
 public:
  OtherThan(GbnfRules& rules, std::string_view name) : rules_(rules), name_(name) {}

  std::string rule(std::vector<std::u32string> words) {
    const bool ends = std::erase(words, std::u32string{}) > 0;
    std::map<char32_t, std::vector<std::u32string>> by_first;
    for (const std::u32string& word : words) by_first[word.front()].push_back(word.substr(1));
    std::string others = R"([^"\\\x7F\x00-\x1F\uD800-\uDFFF\U00110000-\U001FFFFF)";
    std::vector<std::string> alternatives;
    for (const auto& [first, rest] : by_first) {
      others += gbnf_class_member(first);
      alternatives.push_back(gbnf_literal(to_utf8(first)) + " " + rule(rest));
    }
    alternatives.push_back(others + "] " + rules_.json("plain") + "*");
    return rules_.add(name_, fmt::format("({}){}", fmt::join(alternatives, " | "), ends ? "" : "?"));
  }

 private:
  GbnfRules& rules_;
  std::string name_;
};

}  // namespace

std::string gbnf_literal(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string gbnf_class_member(char32_t code) {
  if (code < 0x80 && std::isalnum(static_cast<int>(code)) != 0) return {static_cast<char>(code)};
  if (code < 0x100) return fmt::format("\\x{:02X}", static_cast<std::uint32_t>(code));
  if (code < 0x10000) return fmt::format("\\u{:04X}", static_cast<std::uint32_t>(code));
  return fmt::format("\\U{:08X}", static_cast<std::uint32_t>(code));
}

std::string gbnf_digit(char from, char to) {
  return from == to ? fmt::format("\"{}\"", from) : fmt::format("[{}-{}]", from, to);
}

std::string gbnf_repeat(std::uint64_t least, std::optional<std::uint64_t> most) {
  if (!most) return least == 0 ? "*" : least == 1 ? "+" : fmt::format("{{{},}}", least);
  if (least == 1 && most == 1) return "";
  if (least == 0 && most == 1) return "?";
  return least == *most ? fmt::format("{{{}}}", least) : fmt::format("{{{},{}}}", least, *most);
}

std::string gbnf_any_of(const std::vector<std::string>& alternatives) {
  if (alternatives.size() == 1) return alternatives.front();
  return fmt::format("({})", fmt::join(alternatives, " | "));
}

std::u32string to_code_points(std::string_view utf8) {
  std::u32string codes;
  for (std::size_t i = 0; i < utf8.size();) {
    const auto first = static_cast<unsigned char>(utf8[i]);
    const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    char32_t code = length == 1 ? first : first & (0xFFU >> (length + 1));
    for (std::size_t k = 1; k < length && i + k < utf8.size(); ++k)
      code = (code << 6U) | (static_cast<unsigned char>(utf8[i + k]) & 0x3FU);
    codes += code;
    i += length;
  }
  return codes;
}

std::string to_utf8(char32_t code) {
  const auto byte = [](char32_t value) { return static_cast<char>(static_cast<unsigned char>(value)); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xC0 | (code >> 6U)), byte(0x80 | (code & 0x3FU))};
  if (code < 0x10000)
    return {byte(0xE0 | (code >> 12U)), byte(0x80 | ((code >> 6U) & 0x3FU)), byte(0x80 | (code & 0x3FU))};
  return {byte(0xF0 | (code >> 18U)), byte(0x80 | ((code >> 12U) & 0x3FU)), byte(0x80 | ((code >> 6U) & 0x3FU)),
          byte(0x80 | (code & 0x3FU))};
}

std::string GbnfRules::reserve(std::string_view wanted) {
  std::string plain(wanted.substr(0, kLongestName));
  std::ranges::replace_if(plain, [](char c) { return !may_be_in_a_name(c); }, '-');
  std::string name = plain;
  if (rules_.contains(name) || json_rules().contains(name)) {
    int& number = last_number_[plain];
    do name = fmt::format("{}-{}", plain, number = std::max(number, 1) + 1);
    while (rules_.contains(name));
  }
  rules_[name];
  return name;
}

std::string GbnfRules::add(std::string_view wanted, std::string body) {
  std::string name = reserve(wanted);
  bytes_ += name.size() + body.size();
  set(name, std::move(body));
  return name;
}

const std::string& GbnfRules::shared(std::string_view wanted, const std::string& body) {
  const auto [found, is_new] = by_body_.try_emplace(body);
  if (is_new) found->second = add(wanted, body);
  return found->second;
}

std::string GbnfRules::named(std::string_view wanted, std::string expression) {
  return is_one_thing(expression) ? expression : shared(wanted, expression);
}

const std::string& GbnfRules::counted(std::string_view wanted, const std::string& repetition, std::uint64_t count) {
  if (!by_body_.contains(repetition) && (repetitions_ += count) > kMostRepetitions)
    throw Error(ErrorCode::unsupported, fmt::format("more than {} repetitions", kMostRepetitions));
  return shared(wanted, repetition);
}

std::string GbnfRules::repeated(const std::string& item, std::uint64_t least, std::optional<std::uint64_t> most) {
  if (most == 0) return R"("")";
  if (least == 1 && most == 1) return item;
  const std::string one = is_one_thing(item) ? item : shared("part", item);
  if (least <= 1 && !most) return one + (least == 0 ? "*" : "+");
  if (least <= kBlock && (!most || *most <= kBlock)) {
    const std::string expression = one + gbnf_repeat(least, most);
    if (most.value_or(least) <= kFew) return expression;
    return counted("times", expression, most.value_or(least));
  }
  // In blocks, since the engine takes a large count for none. What is left comes first where all of it must be there.
  const std::string& block = counted("block", one + gbnf_repeat(kBlock, kBlock), kBlock);
  const std::uint64_t blocks = least / kBlock;
  const std::string must = (blocks > 0 ? repeated(block, blocks, blocks) + " " : "") +
                           (least % kBlock > 0 ? repeated(one, least % kBlock, least % kBlock) + " " : "");
  if (!most) return must + one + "*";
  const std::uint64_t rest = *most - least;
  if (rest == 0) return must;
  const std::uint64_t tail = rest % kBlock == 0 ? kBlock : rest % kBlock;
  const std::uint64_t more = (rest - tail) / kBlock;
  return must + (more > 0 ? repeated(block, 0, more) + " " : "") + repeated(one, 0, tail);
}

const std::string& GbnfRules::json(const std::string& name) {
  const auto found = json_rules().find(name);
  if (rules_.try_emplace(name, found->second.body).second) {
    for (const std::string& needed : found->second.needs) (void)json(needed);
  }
  return found->first;
}

std::string GbnfRules::text() const {
  std::string text = fmt::format("root ::= {}\n", rules_.at("root"));
  for (const auto& [name, body] : rules_) {
    if (name != "root" && !body.empty()) text += fmt::format("{} ::= {}\n", name, body);
  }
  return text;
}

namespace {

constexpr std::size_t kFewWords = 24;

std::string text_of(std::u32string_view codes) {
  std::string out;
  for (const char32_t code : codes) out += to_utf8(code);
  return out;
}

// Rising, each once, of which the first `at` characters are the same.
std::string any_sorted(GbnfRules& rules, std::string_view wanted, std::span<const std::u32string> words,
                       std::size_t at) {
  std::vector<std::string> alternatives;
  if (words.size() <= kFewWords) {
    for (const std::u32string& word : words)
      alternatives.push_back(gbnf_literal(text_of(std::u32string_view(word).substr(at))));
    return gbnf_any_of(alternatives);
  }
  const bool may_end = words.front().size() == at;
  if (may_end) words = words.subspan(1);
  while (!words.empty()) {
    const auto other = std::ranges::find_if(words, [&](const auto& word) { return word[at] != words.front()[at]; });
    const auto count = static_cast<std::size_t>(other - words.begin());
    // As far as all of them go together.
    std::size_t same = at + 1;
    while (same < words.front().size() && same < words[count - 1].size() &&
           words.front()[same] == words[count - 1][same])
      ++same;
    const std::string common = gbnf_literal(text_of(std::u32string_view(words.front()).substr(at, same - at)));
    alternatives.push_back(common + " " + any_sorted(rules, wanted, words.first(count), same));
    words = words.subspan(count);
  }
  const std::string body = gbnf_any_of(alternatives);
  return rules.add(wanted, may_end ? "(" + body + ")?" : body);
}

}  // namespace

std::string gbnf_any_word(GbnfRules& rules, std::string_view wanted, std::vector<std::string> texts) {
  if (texts.size() <= kFewWords) {  // in their order
    std::vector<std::string> literals;
    for (const std::string& text : texts) {
      std::string literal = gbnf_literal(text);
      if (!std::ranges::contains(literals, literal)) literals.push_back(std::move(literal));
    }
    return gbnf_any_of(literals);
  }
  std::vector<std::u32string> words;
  for (const std::string& text : texts) words.push_back(to_code_points(text));
  std::ranges::sort(words);
  words.erase(std::ranges::unique(words).begin(), words.end());
  return any_sorted(rules, fmt::format("{}-word", wanted), words, 0);
}

// Written without escapes, so that no word comes out in disguise.
std::string gbnf_other_than(GbnfRules& rules, std::string_view wanted, const std::vector<std::string>& words) {
  std::vector<std::u32string> codes;
  for (const std::string& word : words) codes.push_back(to_code_points(word));
  return R"("\"" )" + OtherThan(rules, wanted).rule(std::move(codes)) + R"( "\"")";
}

}  // namespace plimsoll::grammar
