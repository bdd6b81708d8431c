// Methods of Python's str, dict, list and tuple.
#include <algorithm>
#include <unordered_map>

#include "builtins.hpp"
#include "print.hpp"
#include "text.hpp"

namespace plimsoll::jinja {
namespace {

std::string_view self_text(const Value& self) { return self.text()->text; }

// A string like `self`: what is made of markup is markup.
Value like(const Value& self, MarkedText text) { return Value(std::move(text), self.text()->markup); }
// `part`: of self_text().
Value part_of_self(const Value& self, std::string_view part) { return like(self, part_of(*self.text(), part)); }

std::optional<std::string_view> optional_text(const Args& args, std::size_t index, std::string_view name) {
  const Value* found = args.find(index, name);
  return found == nullptr || found->none() ? std::nullopt : std::optional<std::string_view>(text_of(*found));
}

long times(const Args& args, std::size_t index, std::string_view name) {
  return static_cast<long>(std::clamp<Integer>(args.integer(index, name, -1), -1, 1L << 40));
}

template <Side side>
Value strip_method(Renderer&, const Value& self, const Args& args) {
  return part_of_self(self, strip(self_text(self), side, optional_text(args, 0, "chars")));
}

Value texts(const Value& self, const std::vector<std::string_view>& parts) {
  std::vector<Value> items;
  for (const std::string_view part : parts) items.push_back(part_of_self(self, part));
  return make(Shape::list, std::move(items));
}

template <Side from>
Value split_method(Renderer&, const Value& self, const Args& args) {
  return texts(self, split(self_text(self), optional_text(args, 0, "sep"), times(args, 1, "maxsplit"), from));
}

template <Side from>
Value partition_method(Renderer&, const Value& self, const Args& args) {
  const std::string_view text = self_text(self);
  const std::string& mark = text_of(args.need(0, "sep"));
  std::vector<std::string_view> parts = split(text, mark, 1, from);
  if (parts.size() == 2)
    parts.insert(parts.begin() + 1, text.substr(parts[0].size(), mark.size()));
  else if (from == Side::left)
    parts.insert(parts.end(), {"", ""});
  else
    parts.insert(parts.begin(), {"", ""});
  return make(Shape::tuple, texts(self, parts).sequence()->items);
}

// `self[start:end]` of the arguments behind the first, and how many letters stand before it.
std::pair<std::string, Integer> asked_part(const Value& self, const Args& args) {
  if (args.values.size() < 2) return {self.text()->text, 0};
  const std::u32string letters = decode(self_text(self));
  const auto size = static_cast<Integer>(letters.size());
  const auto bound = [&](std::size_t index, Integer missing) {
    const bool given = index < args.values.size() && !args.values[index].none();
    const Integer at = given ? args.integer(index, "index", 0) : missing;
    return std::clamp<Integer>(at < 0 ? at + size : at, 0, size);
  };
  const Integer from = bound(1, 0);
  const Integer to = std::max(from, bound(2, size));
  return {
      encode(std::u32string_view(letters).substr(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from))),
      from};
}

template <bool at_end>
Value affix_method(Renderer&, const Value& self, const Args& args) {
  const std::string text = asked_part(self, args).first;
  const auto fits = [&](const Value& affix) {
    return at_end ? text.ends_with(text_of(affix)) : text.starts_with(text_of(affix));
  };
  const Value& affix = args.need(0, "affix");
  const Sequence* several = affix.sequence();
  return Value(several == nullptr ? fits(affix) : std::ranges::any_of(several->items, fits));
}

template <bool last, bool must>
Value find_method_of_text(Renderer&, const Value& self, const Args& args) {
  const auto [text, before] = asked_part(self, args);
  charge_text(text.size());
  const std::string& wanted = text_of(args.need(0, "sub"));
  const std::size_t at = last ? text.rfind(wanted) : text.find(wanted);
  if (at == std::string::npos && must) fail("the substring is not found");
  return at == std::string::npos
             ? Value(-1)
             : Value(before + static_cast<Integer>(count_letters(std::string_view(text).substr(0, at))));
}

Value count_method(Renderer&, const Value& self, const Args& args) {
  const std::string text = asked_part(self, args).first;
  const std::string& wanted = text_of(args.need(0, "sub"));
  charge_text(text.size());
  if (wanted.empty()) return Value(count_letters(text) + 1);
  return Value(split(text, wanted, -1, Side::left).size() - 1);
}

Value join_method(Renderer&, const Value& self, const Args& args) {
  MarkedText whole;
  Holding holding;
  bool first = true;
  for (const Value& item : iterate(args.need(0, "iterable"))) {
    if (!std::exchange(first, false)) whole += *self.text();
    whole += marked_text_of(item);
    holding.grow(marked_text_of(item).bytes() + self.text()->bytes());
  }
  return like(self, std::move(whole));
}

Value replace_method(Renderer&, const Value& self, const Args& args) {
  return like(self, replace(*self.text(), text_of(args.need(0, "old")), marked_text_of(args.need(1, "new")),
                            times(args, 2, "count")));
}

template <bool at_end>
Value remove_method(Renderer&, const Value& self, const Args& args) {
  std::string_view text = self_text(self);
  const std::string& affix = text_of(args.need(0, "affix"));
  if (at_end && text.ends_with(affix))
    text.remove_suffix(affix.size());
  else if (!at_end && text.starts_with(affix))
    text.remove_prefix(affix.size());
  return part_of_self(self, text);
}

template <Side side>
Value pad_method(Renderer&, const Value& self, const Args& args) {
  const auto width = static_cast<std::size_t>(std::clamp<Integer>(args.integer(0, "width", 0), 0, 1L << 40));
  return like(self,
              pad(*self.text(), width, side, args.values.size() > 1 ? marked_text_of(args.values[1]) : own_text(" ")));
}

Value zfill_method(Renderer&, const Value& self, const Args& args) {
  const std::string_view text = self_text(self);
  const std::size_t sign = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  const auto width = static_cast<std::size_t>(
      std::clamp<Integer>(args.integer(0, "width", 0) - static_cast<Integer>(sign), 0, 1L << 40));
  MarkedText out = part_of(*self.text(), text.substr(0, sign));
  out += pad(part_of(*self.text(), text.substr(sign)), width, Side::right, own_text("0"));
  return like(self, std::move(out));
}

template <std::string (*change)(std::string_view)>
Value change_method(Renderer&, const Value& self, const Args&) {
  return like(self, changed_by_runs(*self.text(), change));
}

// Where a letter's change depends on those beside it.
template <std::string (*change)(std::string_view)>
Value change_whole_method(Renderer&, const Value& self, const Args&) {
  return like(self, made_of(*self.text(), change(self_text(self))));
}

Value swapcase_method(Renderer&, const Value& self, const Args&) {
  std::string out;
  for (const char32_t c : decode(self_text(self)))
    out += is(Letters::upper, c) ? lower(encode({&c, 1})) : upper(encode({&c, 1}));
  return like(self, made_of(*self.text(), std::move(out)));
}

template <Letters kind>
Value every_method(Renderer&, const Value& self, const Args&) {
  const std::u32string letters = decode(self_text(self));
  return Value(!letters.empty() && std::ranges::all_of(letters, [](char32_t c) { return is(kind, c); }));
}

// Whether there are letters of this case and none of the other.
template <Letters kind, Letters other>
Value case_method(Renderer&, const Value& self, const Args&) {
  const std::u32string letters = decode(self_text(self));
  return Value(std::ranges::any_of(letters, [](char32_t c) { return is(kind, c); }) &&
               std::ranges::none_of(letters, [](char32_t c) { return is(other, c); }));
}

Value istitle_method(Renderer&, const Value& self, const Args&) {
  const bool cased = std::ranges::any_of(decode(self_text(self)),
                                         [](char32_t c) { return is(Letters::upper, c) || is(Letters::lower, c); });
  return Value(cased && title(self_text(self)) == self_text(self));
}

Value isascii_method(Renderer&, const Value& self, const Args&) {
  return Value(std::ranges::all_of(self_text(self), [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
}

Value isidentifier_method(Renderer&, const Value& self, const Args&) {
  const std::u32string letters = decode(self_text(self));
  return Value(!letters.empty() && !is(Letters::digit, letters[0]) &&
               std::ranges::all_of(letters, [](char32_t c) { return c == '_' || is(Letters::alnum, c); }));
}

Value splitlines_method(Renderer&, const Value& self, const Args& args) {
  return texts(self, split_lines(self_text(self), args.flag(0, "keepends", false)));
}

Value format_method(Renderer& renderer, const Value& self, const Args& args) {
  return like(self, format_braces(*self.text(), args, renderer));
}

Value format_map_method(Renderer& renderer, const Value& self, const Args& args) {
  Args named;
  const Value& map = args.need(0, "mapping");
  if (map.dict() == nullptr) fail("format_map takes a dict");
  for (const auto& [name, value] : map.dict()->entries()) named.named.emplace_back(str(name), value);
  return like(self, format_braces(*self.text(), named, renderer));
}

const std::unordered_map<std::string_view, Method>& text_methods() {
  static const std::unordered_map<std::string_view, Method> kMethods = {
      {"strip", strip_method<Side::both>},
      {"lstrip", strip_method<Side::left>},
      {"rstrip", strip_method<Side::right>},
      {"split", split_method<Side::left>},
      {"rsplit", split_method<Side::right>},
      {"splitlines", splitlines_method},
      {"partition", partition_method<Side::left>},
      {"rpartition", partition_method<Side::right>},
      {"startswith", affix_method<false>},
      {"endswith", affix_method<true>},
      {"removeprefix", remove_method<false>},
      {"removesuffix", remove_method<true>},
      {"find", find_method_of_text<false, false>},
      {"rfind", find_method_of_text<true, false>},
      {"index", find_method_of_text<false, true>},
      {"rindex", find_method_of_text<true, true>},
      {"count", count_method},
      {"join", join_method},
      {"replace", replace_method},
      {"ljust", pad_method<Side::left>},
      {"rjust", pad_method<Side::right>},
      {"center", pad_method<Side::both>},
      {"zfill", zfill_method},
      {"upper", change_method<upper>},
      {"lower", change_method<lower>},
      {"casefold", change_method<lower>},
      {"title", change_whole_method<title>},
      {"capitalize", change_whole_method<capitalize>},
      {"swapcase", swapcase_method},
      {"isalpha", every_method<Letters::alpha>},
      {"isdigit", every_method<Letters::digit>},
      {"isdecimal", every_method<Letters::digit>},
      {"isnumeric", every_method<Letters::digit>},
      {"isalnum", every_method<Letters::alnum>},
      {"isspace", every_method<Letters::space>},
      {"isprintable", every_method<Letters::print>},
      {"isupper", case_method<Letters::upper, Letters::lower>},
      {"islower", case_method<Letters::lower, Letters::upper>},
      {"istitle", istitle_method},
      {"isascii", isascii_method},
      {"isidentifier", isidentifier_method},
      {"format", format_method},
      {"format_map", format_map_method}};
  return kMethods;
}

Value entries(const Value& self, Shape shape) {
  std::vector<Value> items;
  charge_items(self.dict()->entries().size());
  for (const auto& [key, value] : self.dict()->entries()) {
    items.push_back(shape == Shape::keys ? key : shape == Shape::values ? value : make(Shape::tuple, {key, value}));
  }
  return make(shape, std::move(items));
}

Value get_method(Renderer&, const Value& self, const Args& args) {
  const Value* found = self.dict()->find(args.need(0, "key"));
  return found != nullptr ? *found : args.get(1, "default");
}

Value row_index_method(Renderer&, const Value& self, const Args& args) {
  const auto& items = self.sequence()->items;
  const auto at = std::ranges::find_if(items, [&](const Value& item) { return equal(item, args.need(0, "value")); });
  if (at == items.end()) fail("{} is not in the list", repr(args.need(0, "value")));
  return Value(static_cast<Integer>(at - items.begin()));
}

Value row_count_method(Renderer&, const Value& self, const Args& args) {
  const auto count = std::ranges::count_if(self.sequence()->items,
                                           [&](const Value& item) { return equal(item, args.need(0, "value")); });
  return Value(static_cast<Integer>(count));
}

}  // namespace

Method find_text_method(std::string_view name) {
  const auto found = text_methods().find(name);
  return found == text_methods().end() ? nullptr : found->second;
}

Method find_method(const Value& self, std::string_view name) {
  if (self.text() != nullptr) return find_text_method(name);
  if (self.dict() != nullptr) {
    if (name == "get") return get_method;
    if (name == "items") return [](Renderer&, const Value& of, const Args&) { return entries(of, Shape::items); };
    if (name == "keys") return [](Renderer&, const Value& of, const Args&) { return entries(of, Shape::keys); };
    if (name == "values") return [](Renderer&, const Value& of, const Args&) { return entries(of, Shape::values); };
    if (name == "copy") return [](Renderer&, const Value& of, const Args&) { return of; };
  }
  if (const Sequence* row = self.sequence(); row != nullptr && row->shape <= Shape::range) {
    if (name == "index") return row_index_method;
    if (name == "count") return row_count_method;
    if (name == "copy" && row->shape == Shape::list) return [](Renderer&, const Value& of, const Args&) { return of; };
  }
  return nullptr;
}

}  // namespace plimsoll::jinja
