#include "value.hpp"

#include <algorithm>
#include <cctype>

#include "text.hpp"

namespace plimsoll::jinja {
namespace {

constexpr std::size_t kSmallDict = 8;     // entries that are looked through one by one
constexpr std::size_t kMostNested = 200;  // lists in lists: printing, comparing and freeing them are recursions

std::size_t deeper(std::size_t depth, const Value& inner) {
  const std::size_t now = std::max(depth, inner.depth() + 1);
  if (now > kMostNested) fail("values lie more than {} levels deep in one another", kMostNested);
  return now;
}

bool same_rows(const Sequence& a, const Sequence& b) {
  const auto kind = [](Shape shape) { return shape == Shape::group ? Shape::tuple : shape; };
  if (kind(a.shape) != kind(b.shape) || a.shape == Shape::iterator) return &a == &b;
  return std::ranges::equal(a.items, b.items, equal);
}

bool same_dicts(const Dict& a, const Dict& b) {
  return a.entries().size() == b.entries().size() && std::ranges::all_of(a.entries(), [&](const auto& entry) {
           const Value* other = b.find(entry.first);
           return other != nullptr && equal(entry.second, *other);
         });
}

bool less_rows(const Sequence& a, const Sequence& b) {
  const auto [left, right] = std::ranges::mismatch(a.items, b.items, equal);
  if (right == b.items.end()) return false;
  return left == a.items.end() || less(*left, *right);
}

}  // namespace

Value::Value(MarkedText text, bool markup) : data_(std::make_shared<const Text>(std::move(text), markup)) {}

std::optional<Integer> Value::integer() const noexcept {
  if (const bool* flag = boolean()) return Integer{*flag};
  if (const auto* number = std::get_if<Integer>(&data_)) return *number;
  return std::nullopt;
}

std::optional<double> Value::number() const noexcept {
  if (const double* value = real()) return *value;
  if (const auto whole = integer()) return static_cast<double>(*whole);
  return std::nullopt;
}

std::size_t Value::depth() const noexcept {
  if (const Sequence* row = sequence()) return row->depth;
  if (const Dict* map = dict()) return map->depth();
  if (const Native* object = native()) return object->depth();
  return 0;
}

Sequence::Sequence(Shape shape_of_it, std::vector<Value> values) : shape(shape_of_it), items(std::move(values)) {
  holding.grow(sizeof(Sequence) + items.size() * sizeof(Value));
  for (const Value& item : items) depth = deeper(depth, item);
}

std::size_t HashValue::operator()(const Value& value) const {
  if (const Text* text = value.text()) return std::hash<std::string>{}(text->text);
  if (const auto number = value.number()) return std::hash<double>{}(*number);
  const Sequence* row = value.sequence();
  if (value.dict() != nullptr || (row != nullptr && row->shape == Shape::list)) {
    fail("unhashable type: '{}'", type_name(value));
  }
  std::size_t sum = value.data().index();
  if (row != nullptr) {
    for (const Value& item : row->items) sum = sum * 31 + (*this)(item);
  }
  return sum;
}

bool SameValue::operator()(const Value& a, const Value& b) const { return equal(a, b); }

std::optional<std::size_t> Dict::place(const Value& key) const {
  if (entries_.size() > kSmallDict) {
    const auto found = places_.find(key);
    return found == places_.end() ? std::nullopt : std::optional(found->second);
  }
  (void)HashValue{}(key);
  const auto found = std::ranges::find_if(entries_, [&](const auto& entry) { return equal(entry.first, key); });
  return found == entries_.end() ? std::nullopt : std::optional(static_cast<std::size_t>(found - entries_.begin()));
}

void Dict::set(Value key, Value value) {
  depth_ = deeper(deeper(depth_, value), key);
  if (const auto known = place(key)) {
    entries_[*known].second = std::move(value);
    return;
  }
  holding_.grow(2 * sizeof(entries_[0]));
  entries_.emplace_back(std::move(key), std::move(value));
  if (entries_.size() <= kSmallDict) return;
  for (std::size_t i = places_.size(); i < entries_.size(); ++i) places_.emplace(entries_[i].first, i);
}

const Value* Dict::find(const Value& key) const {
  const auto found = place(key);
  return found ? &entries_[*found].second : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  if (entries_.size() > kSmallDict) return find(Value(key));
  for (const auto& [name, value] : entries_) {
    if (const Text* text = name.text(); text != nullptr && text->text == key) return &value;
  }
  return nullptr;
}

const Value* Args::find(std::size_t index, std::string_view name) const {
  if (index < values.size()) return &values[index];
  for (const auto& [known, value] : named) {
    if (known == name) return &value;
  }
  return nullptr;
}

Value Args::get(std::size_t index, std::string_view name, Value fallback) const {
  const Value* found = find(index, name);
  if (found != nullptr) return *found;
  return fallback;
}

const Value& Args::need(std::size_t index, std::string_view name) const {
  const Value* found = find(index, name);
  if (found == nullptr) fail("the argument '{}' is missing", name);
  return *found;
}

Integer Args::integer(std::size_t index, std::string_view name, Integer fallback) const {
  const Value* found = find(index, name);
  if (found == nullptr) return fallback;
  const auto number = found->integer();
  if (!number) fail("'{}' must be a whole number, not a '{}'", name, type_name(*found));
  return *number;
}

bool Args::flag(std::size_t index, std::string_view name, bool fallback) const {
  const Value* found = find(index, name);
  return found == nullptr ? fallback : truth(*found);
}

Value Native::call(Renderer&, const Args&) { fail("{} cannot be called", describe()); }
std::optional<Value> Native::attribute(std::string_view) { return std::nullopt; }

Value make(Shape shape, std::vector<Value> items) { return std::make_shared<Sequence>(shape, std::move(items)); }
Value make_undefined(std::string why) { return Undefined{std::make_shared<const std::string>(std::move(why))}; }

Value from_json(const nlohmann::ordered_json& json, Owns owns, std::string_view member) {
  charge_items(1);
  if (json.is_string()) {
    const auto& text = json.get_ref<const std::string&>();
    return Value(owns != nullptr && owns(member, text) ? own_text(text) : input_text(text));
  }
  if (json.is_boolean()) return Value(json.get<bool>());
  if (json.is_number_unsigned()) return Value(json.get<std::uint64_t>());
  if (json.is_number_integer()) return Value(json.get<std::int64_t>());
  if (json.is_number_float()) return Value(json.get<double>());
  const Level level;
  if (json.is_array()) {
    std::vector<Value> items;
    items.reserve(json.size());
    for (const auto& item : json) items.push_back(from_json(item, owns));
    return make(Shape::list, std::move(items));
  }
  if (!json.is_object()) return {};
  auto dict = std::make_shared<Dict>();
  for (const auto& [key, value] : json.items()) dict->set(Value(input_text(key)), from_json(value, owns, key));
  return std::shared_ptr<const Dict>(std::move(dict));
}

Value name_value(const std::string& name) {
  const auto letter = [](char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0; };
  return Value(std::ranges::all_of(name, letter) ? own_text(name) : input_text(name));
}

std::string_view type_name(const Value& value) {
  static constexpr std::string_view kShapes[] = {"list",      "tuple",       "tuple",      "range",
                                                 "dict_keys", "dict_values", "dict_items", "generator"};
  static constexpr std::string_view kTypes[] = {"NoneType", "Undefined", "bool", "int",   "float",
                                                "str",      "list",      "dict", "object"};
  if (const Sequence* row = value.sequence()) return kShapes[static_cast<std::size_t>(row->shape)];
  return kTypes[value.data().index()];
}

bool truth(const Value& value) {
  if (value.none() || value.undefined() != nullptr) return false;
  if (const auto number = value.number()) return *number != 0;
  if (const Text* text = value.text()) return !text->text.empty();
  if (const Dict* dict = value.dict()) return !dict->entries().empty();
  const Sequence* row = value.sequence();
  return row == nullptr || row->shape == Shape::iterator || !row->items.empty();
}

bool equal(const Value& a, const Value& b) {
  charge_items(1);
  if (const Text* left = a.text()) {
    const Text* right = b.text();
    if (right == nullptr || left->text.size() != right->text.size()) return false;
    charge_text(left->text.size());
    return left->text == right->text;
  }
  if (const auto left = a.integer(), right = b.integer(); left && right) return *left == *right;
  if (const auto left = a.number(), right = b.number(); left && right) return *left == *right;
  if (a.data().index() != b.data().index()) return false;
  if (const Sequence* left = a.sequence()) return same_rows(*left, *b.sequence());
  if (const Dict* left = a.dict()) return same_dicts(*left, *b.dict());
  return a.native() == b.native();
}

bool less(const Value& a, const Value& b) {
  charge_items(1);
  if (a.text() != nullptr && b.text() != nullptr) {
    charge_text(std::min(a.text()->text.size(), b.text()->text.size()));
    return a.text()->text < b.text()->text;
  }
  if (const auto left = a.integer(), right = b.integer(); left && right) return *left < *right;
  if (const auto left = a.number(), right = b.number(); left && right) return *left < *right;
  if (a.undefined() != nullptr) fail_undefined(a);
  if (b.undefined() != nullptr) fail_undefined(b);
  const Sequence* left = a.sequence();
  const Sequence* right = b.sequence();
  if (left == nullptr || right == nullptr || type_name(a) != type_name(b) || left->shape > Shape::group) {
    fail("'{}' and '{}' have no order", type_name(a), type_name(b));
  }
  return less_rows(*left, *right);
}

bool contains(const Value& in, const Value& item) {
  if (const Text* text = in.text()) {
    if (item.text() == nullptr) fail("only a string can be looked for in a string, not a '{}'", type_name(item));
    charge_text(text->text.size());
    return text->text.contains(item.text()->text);
  }
  if (const Dict* dict = in.dict()) return dict->find(item) != nullptr;
  if (in.sequence() == nullptr && in.undefined() == nullptr)
    fail("a '{}' has nothing in it to look for", type_name(in));
  return std::ranges::any_of(iterate(in), [&](const Value& each) { return equal(each, item); });
}

std::size_t length(const Value& value) {
  if (value.undefined() != nullptr) return 0;
  if (const Text* text = value.text()) return count_letters(text->text);
  if (const Dict* dict = value.dict()) return dict->entries().size();
  const Sequence* row = value.sequence();
  if (row == nullptr || row->shape == Shape::iterator) fail("a '{}' has no length", type_name(value));
  return row->items.size();
}

std::vector<Value> iterate(const Value& value) {
  std::vector<Value> items;
  if (Sequence* row = value.sequence()) {
    const std::size_t from = row->shape == Shape::iterator ? std::exchange(row->next, row->items.size()) : 0;
    charge_items(row->items.size() - from);
    items.assign(row->items.begin() + static_cast<std::ptrdiff_t>(from), row->items.end());
  } else if (const Dict* dict = value.dict()) {
    charge_items(dict->entries().size());
    for (const auto& [key, entry] : dict->entries()) items.push_back(key);
  } else if (const Text* text = value.text()) {
    for (const std::string_view letter : letters_of(text->text)) items.emplace_back(part_of(*text, letter));
  } else if (value.undefined() == nullptr) {
    fail("a '{}' cannot be walked through", type_name(value));
  }
  return items;
}

const MarkedText& marked_text_of(const Value& value) {
  if (value.undefined() != nullptr) fail_undefined(value);
  if (value.text() == nullptr) fail("a string is needed, not a '{}'", type_name(value));
  return *value.text();
}

const std::string& text_of(const Value& value) { return marked_text_of(value).text; }

void fail_undefined(const Value& value) {
  const auto& why = value.undefined()->why;
  throw Failure(why == nullptr ? "a value is undefined" : *why);
}

}  // namespace plimsoll::jinja
