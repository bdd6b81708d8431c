// Filters that take lists and dicts apart.
#include <algorithm>
#include <ranges>

#include "arithmetic.hpp"
#include "filters.hpp"
#include "print.hpp"
#include "renderer.hpp"
#include "text.hpp"

namespace plimsoll::jinja {
namespace {

// "a.b.0" of a value; `path` may be a number, too.
Value at_path(Renderer& renderer, Value value, const Value& path, const Value* fallback = nullptr) {
  if (path.none()) return value;
  if (path.text() == nullptr) return renderer.item(value, path);
  for (const std::string_view part : split(path.text()->text, ".", -1, Side::left)) {
    const bool number =
        !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string_view::npos;
    value = renderer.item(value, number ? Value(std::stoi(std::string(part))) : Value(part));
    if (fallback != nullptr && value.undefined() != nullptr) value = *fallback;
  }
  return value;
}

// What values are sorted and grouped by.
Value folded(const Value& value, bool by_case) {
  return by_case || value.text() == nullptr ? value : Value(lower(value.text()->text));
}

struct Keyed {
  Value key;
  Value item;
};

std::vector<Keyed> keyed(Renderer& renderer, const Value& input, const Value& path, bool by_case) {
  std::vector<Keyed> out;
  for (Value& item : iterate(input)) {
    Value key;
    if (path.text() != nullptr && path.text()->text.contains(',')) {
      std::vector<Value> keys;
      for (const std::string_view each : split(path.text()->text, ",", -1, Side::left))
        keys.push_back(folded(at_path(renderer, item, Value(each)), by_case));
      key = make(Shape::list, std::move(keys));
    } else {
      key = folded(at_path(renderer, item, path), by_case);
    }
    out.push_back({.key = std::move(key), .item = std::move(item)});
  }
  return out;
}

void sort_keyed(std::vector<Keyed>& items, bool reverse) {
  std::ranges::stable_sort(
      items, [&](const Keyed& a, const Keyed& b) { return reverse ? less(b.key, a.key) : less(a.key, b.key); });
}

Value items_of(std::vector<Keyed> keyed_items) {
  std::vector<Value> items;
  for (Keyed& each : keyed_items) items.push_back(std::move(each.item));
  return make(Shape::list, std::move(items));
}

Value sort_rows(Renderer& renderer, const Value& input, const Args& args) {
  std::vector<Keyed> items = keyed(renderer, input, args.get(2, "attribute"), args.flag(1, "case_sensitive", false));
  sort_keyed(items, args.flag(0, "reverse", false));
  return items_of(std::move(items));
}

Value dictsort(Renderer&, const Value& input, const Args& args) {
  if (input.undefined() != nullptr) fail_undefined(input);
  if (input.dict() == nullptr) fail("'dictsort' takes a dict, not a '{}'", type_name(input));
  const std::string by = str(args.get(1, "by", Value("key")));
  if (by != "key" && by != "value") fail("'dictsort' sorts by 'key' or 'value'");
  std::vector<Keyed> items;
  for (const auto& [key, value] : input.dict()->entries()) {
    items.push_back({.key = folded(by == "key" ? key : value, args.flag(0, "case_sensitive", false)),
                     .item = make(Shape::tuple, {key, value})});
  }
  sort_keyed(items, args.flag(2, "reverse", false));
  return items_of(std::move(items));
}

Value unique(Renderer& renderer, const Value& input, const Args& args) {
  Dict seen;
  std::vector<Value> items;
  for (Keyed& each : keyed(renderer, input, args.get(1, "attribute"), args.flag(0, "case_sensitive", false))) {
    if (seen.find(each.key) != nullptr) continue;
    seen.set(std::move(each.key), {});
    items.push_back(std::move(each.item));
  }
  return make(Shape::iterator, std::move(items));
}

Value groupby(Renderer& renderer, const Value& input, const Args& args) {
  const Value path = args.need(0, "attribute");
  const Value* fallback = args.find(1, "default");
  const bool by_case = args.flag(2, "case_sensitive", false);
  std::vector<Keyed> items;
  for (Value& item : iterate(input))
    items.push_back({.key = folded(at_path(renderer, item, path, fallback), by_case), .item = std::move(item)});
  sort_keyed(items, false);
  std::vector<Value> groups;
  for (auto from = items.begin(); from != items.end();) {
    const auto to = std::find_if(from, items.end(), [&](const Keyed& each) { return !equal(each.key, from->key); });
    std::vector<Value> members;
    for (auto at = from; at != to; ++at) members.push_back(at->item);
    groups.push_back(
        make(Shape::group, {at_path(renderer, from->item, path, fallback), make(Shape::list, std::move(members))}));
    from = to;
  }
  return make(Shape::list, std::move(groups));
}

template <bool largest>
Value extreme(Renderer& renderer, const Value& input, const Args& args) {
  const std::vector<Keyed> items =
      keyed(renderer, input, args.get(1, "attribute"), args.flag(0, "case_sensitive", false));
  if (items.empty()) return make_undefined("an empty list has neither a smallest nor a largest item");
  const Keyed* best = &items.front();
  for (const Keyed& each : items) {
    if (largest ? less(best->key, each.key) : less(each.key, best->key)) best = &each;
  }
  return best->item;
}

Value sum(Renderer& renderer, const Value& input, const Args& args) {
  Value total = args.get(1, "start", Value(0));
  for (const Value& item : iterate(input))
    total = calculate(Operator::add, total, at_path(renderer, item, args.get(0, "attribute")));
  return total;
}

Value join(Renderer& renderer, const Value& input, const Args& args) {
  const MarkedText between = marked_str(args.get(0, "d", Value("")));
  const Value path = args.get(1, "attribute");
  MarkedText whole;
  Holding holding;
  bool first = true;
  for (const Value& item : iterate(input)) {
    const std::size_t before = whole.bytes();
    if (!std::exchange(first, false)) whole += between;
    whole += marked_str(at_path(renderer, item, path));
    holding.grow(whole.bytes() - before);
  }
  return Value(std::move(whole));
}

Value map(Renderer& renderer, const Value& input, const Args& args) {
  std::vector<Value> items;
  const bool by_attribute = args.values.empty();
  const Value name = by_attribute ? args.need(0, "attribute") : args.values[0];
  const Value fallback = args.get(1, "default");
  Args rest{.values = {args.values.begin() + (by_attribute ? 0 : 1), args.values.end()}, .named = args.named};
  if (truth(input)) {
    for (const Value& item : iterate(input)) {
      items.push_back(by_attribute ? at_path(renderer, item, name, fallback.none() ? nullptr : &fallback)
                                   : renderer.filtered(text_of(name), item, rest));
    }
  }
  return make(Shape::iterator, std::move(items));
}

// select and its kind: the items, or their attributes, for which a test holds or does not.
template <bool keeps, bool by_attribute>
Value select(Renderer& renderer, const Value& input, const Args& args) {
  constexpr std::size_t kSkipped = by_attribute ? 1 : 0;
  if (args.values.size() < kSkipped) fail("the attribute's name is missing");
  Args rest{.values = {}, .named = args.named};
  if (args.values.size() > kSkipped + 1) rest.values.assign(args.values.begin() + kSkipped + 1, args.values.end());
  std::vector<Value> items;
  if (!truth(input)) return make(Shape::iterator, {});
  for (Value& item : iterate(input)) {
    const Value looked_at = by_attribute ? at_path(renderer, item, args.values[0]) : item;
    const bool holds = args.values.size() > kSkipped ? renderer.tested(text_of(args.values[kSkipped]), looked_at, rest)
                                                     : truth(looked_at);
    if (holds == keeps) items.push_back(std::move(item));
  }
  return make(Shape::iterator, std::move(items));
}

Value first(Renderer&, const Value& input, const Args&) {
  Sequence* row = input.sequence();
  if (row != nullptr && row->shape == Shape::iterator && row->next < row->items.size()) return row->items[row->next++];
  const std::vector<Value> items = iterate(input);
  return items.empty() ? make_undefined("an empty list has no first item") : items.front();
}

Value last(Renderer&, const Value& input, const Args&) {
  const Sequence* row = input.sequence();
  if (row != nullptr && row->shape == Shape::iterator) fail("a generator has no last item before it is a list");
  const std::vector<Value> items = iterate(input);
  return items.empty() ? make_undefined("an empty list has no last item") : items.back();
}

Value reverse(Renderer&, const Value& input, const Args&) {
  if (const Text* text = input.text()) {
    MarkedText reversed;
    for (const std::string_view letter : letters_of(text->text) | std::views::reverse)
      reversed += part_of(*text, letter);
    return Value(std::move(reversed));
  }
  std::vector<Value> items = iterate(input);
  std::ranges::reverse(items);
  return make(Shape::iterator, std::move(items));
}

// Rows of so many items; the last is filled where there is something to fill it with.
Value batch(Renderer&, const Value& input, const Args& args) {
  const Integer size = std::max<Integer>(args.integer(0, "linecount", 1), 1);
  const Value filler = args.get(1, "fill_with");
  std::vector<Value> rows;
  std::vector<Value> row;
  for (Value& item : iterate(input)) {
    if (static_cast<Integer>(row.size()) == size) rows.push_back(make(Shape::list, std::exchange(row, {})));
    row.push_back(std::move(item));
  }
  const Integer missing = size - static_cast<Integer>(row.size());
  if (!row.empty() && !filler.none()) {
    for (const Value& each : iterate(calculate(Operator::multiply, make(Shape::list, {filler}), Value(missing))))
      row.push_back(each);
  }
  if (!row.empty()) rows.push_back(make(Shape::list, std::move(row)));
  return make(Shape::iterator, std::move(rows));
}

// So many columns; the first ones are longer where it does not come out even.
Value slice(Renderer&, const Value& input, const Args& args) {
  const std::vector<Value> items = iterate(input);
  const Integer count = args.integer(0, "slices", 1);
  const Value filler = args.get(1, "fill_with");
  if (count < 1 || count > 100'000) fail("'slice' makes between 1 and 100000 rows");
  const auto columns = static_cast<std::size_t>(count);
  const std::size_t size = items.size() / columns;
  const std::size_t longer = items.size() % columns;
  std::vector<Value> rows;
  auto from = items.begin();
  for (std::size_t i = 0; i < columns; ++i) {
    const auto to = from + static_cast<std::ptrdiff_t>(size + (i < longer ? 1 : 0));
    std::vector<Value> row(std::exchange(from, to), to);
    if (!filler.none() && i >= longer) row.push_back(filler);
    rows.push_back(make(Shape::list, std::move(row)));
  }
  return make(Shape::iterator, std::move(rows));
}

Value items_filter(Renderer&, const Value& input, const Args&) {
  if (input.undefined() != nullptr) return make(Shape::iterator, {});
  if (input.dict() == nullptr) fail("'items' takes a dict, not a '{}'", type_name(input));
  std::vector<Value> items;
  for (const auto& [key, value] : input.dict()->entries()) items.push_back(make(Shape::tuple, {key, value}));
  return make(Shape::iterator, std::move(items));
}

Value length_of(Renderer&, const Value& input, const Args&) { return Value(length(input)); }
Value list_of(Renderer&, const Value& input, const Args&) { return make(Shape::list, iterate(input)); }

// An attribute that is not an item: of dicts, their methods.
Value attr(Renderer& renderer, const Value& input, const Args& args) {
  const std::string& name = text_of(args.need(0, "name"));
  if (input.dict() != nullptr && find_method(input, name) == nullptr)
    return make_undefined(fmt::format("the dict has no attribute '{}'", name));
  return renderer.attribute(input, name);
}

}  // namespace

const Filters& row_filters() {
  static const Filters kFilters = {{"sort", sort_rows},
                                   {"dictsort", dictsort},
                                   {"unique", unique},
                                   {"groupby", groupby},
                                   {"min", extreme<false>},
                                   {"max", extreme<true>},
                                   {"sum", sum},
                                   {"join", join},
                                   {"map", map},
                                   {"select", select<true, false>},
                                   {"reject", select<false, false>},
                                   {"selectattr", select<true, true>},
                                   {"rejectattr", select<false, true>},
                                   {"first", first},
                                   {"last", last},
                                   {"reverse", reverse},
                                   {"batch", batch},
                                   {"slice", slice},
                                   {"items", items_filter},
                                   {"length", length_of},
                                   {"count", length_of},
                                   {"list", list_of},
                                   {"attr", attr}};
  return kFilters;
}

Filter find_filter(std::string_view name) {
  for (const Filters* filters : {&text_filters(), &row_filters()}) {
    if (const auto found = filters->find(name); found != filters->end()) return found->second;
  }
  return nullptr;
}

}  // namespace plimsoll::jinja
