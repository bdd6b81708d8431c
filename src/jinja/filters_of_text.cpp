// Filters that give a string or a number.
#include <algorithm>
#include <cmath>

#include "arithmetic.hpp"
#include "filters.hpp"
#include "print.hpp"
#include "renderer.hpp"
#include "text.hpp"

namespace plimsoll::jinja {
namespace {

Value like(const Value& input, MarkedText text) {
  return Value(std::move(text), input.text() != nullptr && input.text()->markup);
}

template <std::string (*change)(std::string_view)>
Value changed(Renderer&, const Value& input, const Args&) {
  return like(input, changed_by_runs(marked_str(input), change));
}

// Where a letter's change depends on those beside it.
template <std::string (*change)(std::string_view)>
Value changed_whole(Renderer&, const Value& input, const Args&) {
  const MarkedText text = marked_str(input);
  return like(input, made_of(text, change(text.text)));
}

// Jinja's own title: a word begins behind white space and opening marks alone.
std::string title_of(std::string_view text) {
  std::string out;
  bool begins = true;
  for (const char32_t c : decode(text)) {
    out += begins ? upper(encode({&c, 1})) : lower(encode({&c, 1}));
    begins = is(Letters::space, c) || (c < 0x80 && std::string_view("-({[<").contains(static_cast<char>(c)));
  }
  return out;
}

Value trim(Renderer&, const Value& input, const Args& args) {
  const Value* letters = args.find(0, "chars");
  const bool given = letters != nullptr && !letters->none();
  const MarkedText text = marked_str(input);
  return like(input, part_of(text, strip(text.text, Side::both,
                                         given ? std::optional<std::string_view>(text_of(*letters)) : std::nullopt)));
}

Value replace_in(Renderer&, const Value& input, const Args& args) {
  const Value* count = args.find(2, "count");
  const Integer most = count == nullptr || count->none() ? -1 : args.integer(2, "count", -1);
  return Value(replace(marked_str(input), str(args.need(0, "old")), marked_str(args.need(1, "new")),
                       static_cast<long>(std::clamp<Integer>(most, -1, 1L << 40))));
}

Value center(Renderer&, const Value& input, const Args& args) {
  return like(
      input, pad(marked_str(input),
                 static_cast<std::size_t>(std::clamp<Integer>(args.integer(0, "width", 80), 0, 1L << 40)), Side::both));
}

Value indent(Renderer&, const Value& input, const Args& args) {
  const Value width = args.get(0, "width", Value(4));
  const MarkedText by = width.text() != nullptr ? static_cast<const MarkedText&>(*width.text())
                                                : repeat(own_text(" "), static_cast<std::size_t>(std::clamp<Integer>(
                                                                            args.integer(0, "width", 4), 0, 1L << 40)));
  const bool blank = args.flag(2, "blank", false);
  MarkedText text = marked_text_of(input);
  text += "\n";
  MarkedText out;
  Holding holding;
  bool begins = true;
  for (const std::string_view line : split_lines(text.text)) {
    const std::size_t before = out.bytes();
    if (!begins) out += "\n";
    const bool indented = begins ? args.flag(1, "first", false) : blank || !line.empty();
    if (indented) out += by;
    out += part_of(text, line);
    holding.grow(out.bytes() - before);
    begins = false;
  }
  return like(input, std::move(out));
}

Value truncate(Renderer&, const Value& input, const Args& args) {
  const Integer size = args.integer(0, "length", 255);
  const MarkedText end = marked_str(args.get(2, "end", Value("...")));
  const auto kept = size - static_cast<Integer>(count_letters(end.text));
  const Value* leeway = args.find(3, "leeway");
  const Integer room = leeway == nullptr || leeway->none() ? 5 : args.integer(3, "leeway", 5);
  if (input.undefined() != nullptr) return input;
  if (kept < 0 || room < 0) fail("'truncate' has no room for its end");
  const std::string_view text = text_of(input);
  if (static_cast<Integer>(count_letters(text)) <= size + room) return input;
  const std::string_view cut = letters_between(text, 0, static_cast<std::size_t>(kept));
  MarkedText out =
      part_of(*input.text(), args.flag(1, "killwords", false) ? cut : split(cut, " ", 1, Side::right).front());
  out += end;
  return Value(std::move(out));
}

Value wordcount(Renderer&, const Value& input, const Args&) {
  Integer words = 0;
  bool inside = false;
  for (const char32_t c : decode(str(input))) {
    const bool letter = c == '_' || is(Letters::alnum, c);
    words += letter && !inside ? 1 : 0;
    inside = letter;
  }
  return Value(words);
}

Value force_escape(const Value& input) { return Value(changed_by_runs(marked_str(input), escape_html), true); }

Value escape(Renderer&, const Value& input, const Args&) {
  return input.text() != nullptr && input.text()->markup ? input : force_escape(input);
}

Value format_of(Renderer&, const Value& input, const Args& args) {
  if (args.named.empty()) return Value(format_percent(marked_str(input), make(Shape::tuple, args.values)));
  if (!args.values.empty()) fail("'format' takes either values or names");
  auto dict = std::make_shared<Dict>();
  for (const auto& [name, value] : args.named) dict->set(name_value(name), value);
  return Value(format_percent(marked_str(input), std::shared_ptr<const Dict>(std::move(dict))));
}

Value json_of(Renderer&, const Value& input, const Args& args) {
  JsonForm form{.ascii = args.flag(0, "ensure_ascii", false), .sort_keys = args.flag(3, "sort_keys", false)};
  if (const Value indent = args.get(1, "indent"); !indent.none()) {
    form.indent =
        indent.text() != nullptr
            ? str(indent)
            : repeat(" ", static_cast<std::size_t>(std::clamp<Integer>(args.integer(1, "indent", 0), 0, 1000)));
    form.between = ",";
  }
  if (const Value separators = args.get(2, "separators"); !separators.none()) {
    const std::vector<Value> both = iterate(separators);
    if (both.size() != 2) fail("'separators' are two strings");
    form.between = text_of(both[0]);
    form.after_key = text_of(both[1]);
  }
  return Value(to_json(input, form));
}

// Python's int("..."): none where it is no number.
std::optional<Integer> read_integer(std::string_view text, Integer base) {
  text = strip(text, Side::both);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::string_view prefix = base == 16 ? "xX" : base == 8 ? "oO" : base == 2 ? "bB" : "";
  if (text.size() > 2 && text[0] == '0' && prefix.contains(text[1])) text.remove_prefix(2);
  if (text.empty() || text.front() == '_' || text.back() == '_' || text.contains("__")) return std::nullopt;
  Integer number = 0;
  for (const char c : text) {
    if (c == '_') continue;
    const Integer digit = c >= '0' && c <= '9'                     ? c - '0'
                          : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? (c | 0x20) - 'a' + 10
                                                                   : 99;
    if (digit >= base) return std::nullopt;
    if (__builtin_mul_overflow(number, base, &number) || __builtin_add_overflow(number, digit, &number))
      fail("a number is too large");
  }
  return negative ? -number : number;
}

std::optional<double> read_real(std::string_view text) {
  std::string plain(strip(text, Side::both));
  std::erase(plain, '_');
  if (plain.empty() || plain.find_first_of("xXpP") != std::string::npos) return std::nullopt;
  char* end = nullptr;
  const double number = std::strtod(plain.c_str(), &end);
  return *end == '\0' ? std::optional(number) : std::nullopt;
}

Value int_of(Renderer&, const Value& input, const Args& args) {
  if (input.undefined() != nullptr) fail_undefined(input);
  const Value fallback = args.get(0, "default", Value(0));
  if (const auto whole = input.integer()) return Value(*whole);
  if (input.text() != nullptr) {
    if (const auto whole = read_integer(input.text()->text, args.integer(1, "base", 10))) return Value(*whole);
  }
  const auto real = input.text() != nullptr ? read_real(input.text()->text) : input.number();
  return real && std::isfinite(*real) ? Value(to_integer(*real)) : fallback;
}

Value float_of(Renderer&, const Value& input, const Args& args) {
  if (input.undefined() != nullptr) fail_undefined(input);
  const auto real = input.text() != nullptr ? read_real(input.text()->text) : input.number();
  return real ? Value(*real) : args.get(0, "default", Value(0.0));
}

Value round_of(Renderer&, const Value& input, const Args& args) {
  const auto places = static_cast<int>(std::clamp<Integer>(args.integer(0, "precision", 0), -400, 400));
  const std::string method = str(args.get(1, "method", Value("common")));
  if (input.undefined() != nullptr) fail_undefined(input);
  if (!input.number()) fail("'round' takes a number, not a '{}'", type_name(input));
  if (method == "common") {
    if (!input.integer()) return Value(rounded(*input.number(), places));
    return places >= 0 ? Value(*input.integer()) : Value(to_integer(rounded(*input.number(), places)));
  }
  if (method != "ceil" && method != "floor") fail("'round' knows 'common', 'ceil' and 'floor'");
  const double unit = std::pow(10.0, places);
  const double scaled = *input.number() * unit;
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit);
}

Value abs_of(Renderer&, const Value& input, const Args&) {
  if (const auto whole = input.integer()) return Value(*whole < 0 ? -*whole : *whole);
  if (input.undefined() != nullptr) fail_undefined(input);
  if (input.real() == nullptr) fail("'abs' takes a number, not a '{}'", type_name(input));
  return Value(std::abs(*input.real()));
}

Value default_of(Renderer&, const Value& input, const Args& args) {
  const bool missing = input.undefined() != nullptr || (args.flag(1, "boolean", false) && !truth(input));
  return missing ? args.get(0, "default_value", Value("")) : input;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte < 0x80 && (std::isalnum(byte) != 0 || std::string_view("_.-~/").contains(c));
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return out;
}

Value urlencode(Renderer&, const Value& input, const Args&) {
  return Value(changed_by_runs(marked_str(input), percent_encoded));
}

}  // namespace

const Filters& text_filters() {
  static const Filters kFilters = {
      {"upper", changed<upper>},
      {"lower", changed<lower>},
      {"capitalize", changed_whole<capitalize>},
      {"title", changed_whole<title_of>},
      {"trim", trim},
      {"replace", replace_in},
      {"center", center},
      {"indent", indent},
      {"truncate", truncate},
      {"wordcount", wordcount},
      {"escape", escape},
      {"e", escape},
      {"format", format_of},
      {"tojson", json_of},
      {"int", int_of},
      {"float", float_of},
      {"round", round_of},
      {"abs", abs_of},
      {"default", default_of},
      {"d", default_of},
      {"urlencode", urlencode},
      {"forceescape", [](Renderer&, const Value& input, const Args&) { return force_escape(input); }},
      {"safe", [](Renderer&, const Value& input, const Args&) { return Value(marked_str(input), true); }},
      {"pprint", [](Renderer&, const Value& input, const Args&) { return Value(marked_repr(input)); }},
      {"string", [](Renderer&, const Value& input, const Args&) {
         return input.text() != nullptr ? input : Value(marked_str(input));
       }}};
  return kFilters;
}

}  // namespace plimsoll::jinja
