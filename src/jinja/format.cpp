// Python's formatting: "%05.2f" % x, "{:>8}".format(x).
#include <cmath>

#include "print.hpp"
#include "renderer.hpp"
#include "text.hpp"

namespace plimsoll::jinja {
namespace {

constexpr std::size_t kWidest = 10'000;

struct Spec {
  std::string fill = " ";
  char align = 0;  // < > ^ =
  char sign = '-';
  bool alternate = false;
  std::size_t width = 0;
  char grouped = 0;
  std::optional<std::size_t> precision{};
  char type = 0;
};

std::size_t read_number(std::string_view& text) {
  std::size_t number = 0;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    number = number * 10 + static_cast<std::size_t>(text[0] - '0');
    if (number > kWidest) fail("a width of more than {} is not written", kWidest);
    text.remove_prefix(1);
  }
  return number;
}

bool take(std::string_view& text, char c) {
  const bool there = text.starts_with(c);
  if (there) text.remove_prefix(1);
  return there;
}

Spec read_spec(std::string_view text) {
  Spec spec;
  const auto is_align = [](char c) { return c == '<' || c == '>' || c == '^' || c == '='; };
  const std::u32string letters = decode(text.substr(0, 8));
  if (letters.size() > 1 && letters[1] < 0x80 && is_align(static_cast<char>(letters[1]))) {
    spec.fill = encode({letters.data(), 1});
    text.remove_prefix(spec.fill.size());
  }
  if (!text.empty() && is_align(text[0])) spec.align = text[0], text.remove_prefix(1);
  if (!text.empty() && (text[0] == '+' || text[0] == '-' || text[0] == ' ')) spec.sign = text[0], text.remove_prefix(1);
  spec.alternate = take(text, '#');
  if (take(text, '0') && spec.align == 0) spec.fill = "0", spec.align = '=';
  spec.width = read_number(text);
  if (take(text, ','))
    spec.grouped = ',';
  else if (take(text, '_'))
    spec.grouped = '_';
  if (take(text, '.')) spec.precision = read_number(text);
  if (!text.empty()) spec.type = text[0], text.remove_prefix(1);
  if (!text.empty()) fail("the format ends in '{}', which means nothing", text);
  return spec;
}

std::string group_digits(std::string digits, char mark) {
  const std::size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
  for (std::size_t at = whole; at > 3; at -= 3) digits.insert(at - 3, 1, mark);
  return digits;
}

std::string digits_of(Integer number, char type, bool alternate) {
  const Integer size = number < 0 ? -number : number;
  const std::string prefix = alternate && std::string_view("xXob").contains(type) ? std::string{'0', type} : "";
  switch (type) {
    case 'x':
      return prefix + fmt::format("{:x}", size);
    case 'X':
      return prefix + fmt::format("{:X}", size);
    case 'o':
      return prefix + fmt::format("{:o}", size);
    case 'b':
      return prefix + fmt::format("{:b}", size);
    default:
      return fmt::format("{}", size);
  }
}

std::string digits_of(double number, const Spec& spec) {
  const double size = std::abs(number);
  const auto places = static_cast<int>(spec.precision.value_or(6));
  if (!std::isfinite(size)) return print_real(size);
  switch (spec.type) {
    case 'f':
    case 'F':
      return fmt::format("{:.{}f}", size, places);
    case 'e':
      return fmt::format("{:.{}e}", size, places);
    case 'E':
      return fmt::format("{:.{}E}", size, places);
    case '%':
      return fmt::format("{:.{}f}%", size * 100, places);
    case 'g':
      return fmt::format("{:.{}g}", size, places);
    case 'G':
      return fmt::format("{:.{}G}", size, places);
    default:
      return spec.precision ? fmt::format("{:.{}g}", size, places) : print_real(size);
  }
}

MarkedText placed(const MarkedText& text, const Spec& spec) {
  const MarkedText fill = own_text(spec.fill);
  if (spec.align != '^') return pad(text, spec.width, spec.align == '<' ? Side::left : Side::right, fill);
  const std::size_t letters = count_letters(text.text);
  const std::size_t room = spec.width > letters ? spec.width - letters : 0;
  MarkedText out = repeat(fill, room / 2);
  out += text;
  out += repeat(fill, room - room / 2);
  return out;
}

// Sign and digits in their width.
MarkedText placed(std::string_view sign, const std::string& digits, const Spec& spec) {
  MarkedText out = own_text(std::string(sign));
  if (spec.align != '=') {
    out += digits;
    return placed(out, spec);
  }
  const std::size_t room = spec.width > sign.size() ? spec.width - sign.size() : 0;
  out += pad(own_text(digits), room, Side::right, own_text(spec.fill));
  return out;
}

MarkedText format_number(const Value& value, const Spec& spec) {
  const bool as_real =
      value.real() != nullptr || std::string_view("eEfFgG%").contains(spec.type == 0 ? ' ' : spec.type);
  const bool negative = as_real ? std::signbit(*value.number()) : *value.integer() < 0;
  std::string digits =
      as_real ? digits_of(*value.number(), spec) : digits_of(*value.integer(), spec.type, spec.alternate);
  if (spec.grouped != 0) digits = group_digits(std::move(digits), spec.grouped);
  return placed(negative ? "-" : spec.sign == '-' ? "" : std::string_view(&spec.sign, 1), digits, spec);
}

MarkedText format_text(MarkedText text, Spec spec) {
  if (spec.precision) text = part_of(text, letters_between(text.text, 0, *spec.precision));
  if (spec.align == 0 || spec.align == '=') spec.align = '<';
  return placed(text, spec);
}

bool numeric(char type) { return std::string_view("dieEfFgGxXobc%").contains(type); }

// One "%..." of a format, from behind its sign; takes it off the text.
MarkedText percent_field(std::string_view& form, const std::function<const Value&()>& next) {
  Spec spec;
  bool left = false;
  for (; !form.empty() && std::string_view("-+ #0").contains(form[0]); form.remove_prefix(1)) {
    if (form[0] == '-')
      left = true;
    else if (form[0] == '#')
      spec.alternate = true;
    else if (form[0] == '0')
      spec.fill = "0";
    else
      spec.sign = form[0];
  }
  spec.width = read_number(form);
  if (take(form, '.')) spec.precision = read_number(form);
  if (form.empty()) fail("the format ends behind a '%'");
  spec.type = form[0];
  form.remove_prefix(1);
  spec.align = left ? '<' : spec.fill == "0" && numeric(spec.type) ? '=' : '>';
  if (spec.align != '=') spec.fill = " ";
  const Value& value = next();
  if (spec.type == 's' || spec.type == 'r')
    return format_text(spec.type == 's' ? marked_str(value) : marked_repr(value), spec);
  if (!numeric(spec.type)) fail("'%{}' is not a format", spec.type);
  if (!value.number()) fail("'%{}' formats numbers, not a '{}'", spec.type, type_name(value));
  if (!std::string_view("dixXo").contains(spec.type)) return format_number(value, spec);
  const Value whole = value.real() == nullptr ? value : Value(static_cast<Integer>(*value.real()));
  if (spec.type == 'i') spec.type = 'd';
  return format_number(whole, spec);
}

// "0.name[key]" of a replacement field.
Value field(std::string_view path, const Args& args, Renderer& renderer, std::size_t& automatic) {
  const std::size_t end = std::min(path.find_first_of(".["), path.size());
  std::string_view first = path.substr(0, end);
  path.remove_prefix(end);
  const bool counted = first.empty() || (first[0] >= '0' && first[0] <= '9');
  const std::size_t index = first.empty() ? automatic++ : counted ? read_number(first) : args.values.size();
  if (counted && index >= args.values.size())
    fail("the format asks for argument {}, and there are {}", index, args.values.size());
  Value value = args.need(index, first);
  while (!path.empty()) {
    const bool item = take(path, '[');
    if (!item && !take(path, '.')) fail("the format's field ends in '{}'", path);
    const std::size_t stop = std::min(path.find_first_of(item ? "]" : ".["), path.size());
    std::string_view key = path.substr(0, stop);
    path.remove_prefix(std::min(path.size(), stop + (item ? 1 : 0)));
    const bool number = !key.empty() && key.find_first_not_of("0123456789") == std::string_view::npos;
    value =
        !item ? renderer.attribute(value, key) : renderer.item(value, number ? Value(read_number(key)) : Value(key));
  }
  return value;
}

MarkedText braces(const MarkedText& marked, const Args& args, Renderer& renderer, std::size_t& automatic) {
  const Level level;
  std::string_view form = marked.text;
  MarkedText out;
  while (!form.empty()) {
    const char c = form[0];
    if ((c == '{' || c == '}') && form.substr(1).starts_with(c))
      form.remove_prefix(1);
    else if (c == '}')
      fail("the format has a '}}' without a '{{'");
    else if (c == '{') {
      std::size_t end = 1;
      for (int open = 1; end < form.size() && (open += form[end] == '{' ? 1 : form[end] == '}' ? -1 : 0) > 0;) ++end;
      if (end >= form.size()) fail("the format has a '{{' without a '}}'");
      std::string_view inside = form.substr(1, end - 1);
      form.remove_prefix(end + 1);
      const std::size_t colon = std::min(inside.find(':'), inside.size());
      const MarkedText spec = part_of(marked, inside.substr(std::min(colon + 1, inside.size())));
      std::string_view name = inside.substr(0, colon);
      const std::size_t bang = std::min(name.find('!'), name.size());
      Value value = field(name.substr(0, bang), args, renderer, automatic);
      if (bang < name.size())
        value = name.substr(bang + 1) == "r" ? Value(marked_repr(value)) : Value(marked_str(value));
      out += format_value(value, spec.text.contains('{') ? braces(spec, args, renderer, automatic).text : spec.text);
      continue;
    }
    out += part_of(marked, form.substr(0, 1));
    form.remove_prefix(1);
  }
  return out;
}

}  // namespace

MarkedText format_value(const Value& value, std::string_view spec_text) {
  if (spec_text.empty()) return marked_str(value);
  const Spec spec = read_spec(spec_text);
  if (value.number() && (value.boolean() == nullptr || spec.type != 0)) return format_number(value, spec);
  if (value.text() == nullptr && value.boolean() == nullptr) fail("a '{}' takes no format", type_name(value));
  return format_text(marked_str(value), spec);
}

MarkedText format_percent(const MarkedText& marked, const Value& values) {
  std::string_view form = marked.text;
  const Sequence* row = values.sequence();
  const bool several = row != nullptr && (row->shape == Shape::tuple || row->shape == Shape::group);
  std::size_t used = 0;
  MarkedText out;
  while (!form.empty()) {
    const std::size_t at = std::min(form.find('%'), form.size());
    out += part_of(marked, form.substr(0, at));
    form.remove_prefix(at);
    if (!take(form, '%')) break;
    if (take(form, '%')) {
      out += "%";
      continue;
    }
    std::optional<Value> named;
    if (take(form, '(')) {
      const std::size_t end = std::min(form.find(')'), form.size() - 1);
      const Value* found = values.dict() == nullptr ? nullptr : values.dict()->find(form.substr(0, end));
      if (found == nullptr) fail("the format asks for '{}', which is not there", form.substr(0, end));
      named = *found;
      form.remove_prefix(end + 1);
    }
    out += percent_field(form, [&]() -> const Value& {
      if (named) return *named;
      if (used >= (several ? row->items.size() : 1)) fail("the format asks for more values than it is given");
      return several ? row->items[used++] : (++used, values);
    });
  }
  if (values.dict() == nullptr && used < (several ? row->items.size() : 1))
    fail("the format takes fewer values than it is given");
  return out;
}

MarkedText format_braces(const MarkedText& form, const Args& args, Renderer& renderer) {
  std::size_t automatic = 0;
  return braces(form, args, renderer, automatic);
}

}  // namespace plimsoll::jinja
