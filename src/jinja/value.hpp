// Value: what a template computes with: Python's None, bool, int, float, str, list, tuple, dict and callables, and
// Jinja's undefined. Values do not change once they are made, but for namespaces and what counts (iterators, cyclers,
// loops).
#pragma once
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "bounds.hpp"
#include "jinja/marked_text.hpp"

namespace plimsoll::jinja {

__extension__ using Integer = __int128;  // Python's are without end; what leaves this range is refused

struct Text;
struct Sequence;
class Dict;
class Native;

struct None {};
struct Undefined {
  std::shared_ptr<const std::string> why;  // "'x' is undefined"
};

class Value {
 public:
  using Data = std::variant<None, Undefined, bool, Integer, double, std::shared_ptr<const Text>,
                            std::shared_ptr<Sequence>, std::shared_ptr<const Dict>, std::shared_ptr<Native>>;

  Value() = default;  // None
  Value(MarkedText text, bool markup = false);
  Value(std::string text, bool markup = false) : Value(own_text(std::move(text)), markup) {}
  Value(std::string_view text) : Value(std::string(text)) {}
  Value(const char* text) : Value(std::string(text)) {}
  Value(Integer number) : data_(number) {}
  template <std::integral T>
  Value(T number) : data_(std::in_place_type<std::conditional_t<std::same_as<T, bool>, bool, Integer>>, number) {}
  Value(double number) : data_(number) {}
  Value(Undefined undefined) : data_(std::move(undefined)) {}
  Value(std::shared_ptr<Sequence> sequence) : data_(std::move(sequence)) {}
  Value(std::shared_ptr<const Dict> dict) : data_(std::move(dict)) {}
  template <std::derived_from<Native> T>
  Value(std::shared_ptr<T> native) : data_(std::shared_ptr<Native>(std::move(native))) {}

  [[nodiscard]] const Data& data() const noexcept { return data_; }
  [[nodiscard]] bool none() const noexcept { return std::holds_alternative<None>(data_); }
  [[nodiscard]] const Undefined* undefined() const noexcept { return std::get_if<Undefined>(&data_); }
  [[nodiscard]] const bool* boolean() const noexcept { return std::get_if<bool>(&data_); }
  [[nodiscard]] const double* real() const noexcept { return std::get_if<double>(&data_); }
  [[nodiscard]] std::optional<Integer> integer() const noexcept;  // of a bool as well
  [[nodiscard]] std::optional<double> number() const noexcept;    // of any of the three
  [[nodiscard]] const Text* text() const noexcept { return get<std::shared_ptr<const Text>>(); }
  [[nodiscard]] Sequence* sequence() const noexcept { return get<std::shared_ptr<Sequence>>(); }
  [[nodiscard]] const Dict* dict() const noexcept { return get<std::shared_ptr<const Dict>>(); }
  [[nodiscard]] Native* native() const noexcept { return get<std::shared_ptr<Native>>(); }
  [[nodiscard]] std::size_t depth() const noexcept;  // of lists in lists; 0 for what holds nothing

 private:
  template <class Pointer>
  [[nodiscard]] typename Pointer::element_type* get() const noexcept {
    const auto* pointer = std::get_if<Pointer>(&data_);
    return pointer == nullptr ? nullptr : pointer->get();
  }

  Data data_;
};

struct Text : MarkedText {
  Text(MarkedText marked, bool is_markup) : MarkedText(std::move(marked)), markup(is_markup) {
    holding.grow(sizeof(Text) + bytes());
  }

  bool markup;  // markupsafe's: what is added to it is escaped
  Holding holding{};
};

// Which of Python's types a row of values is. A range, and the views of a dict, are made at once; an iterator (what
// `map` and its kind give) is as well, but it is walked once.
enum class Shape { list, tuple, group, range, keys, values, items, iterator };

struct Sequence {
  Sequence(Shape shape_of_it, std::vector<Value> values);

  Shape shape;
  std::vector<Value> items;
  std::size_t next = 0;  // of an iterator: what it gives next
  std::size_t depth = 1;
  Holding holding{};
};

struct HashValue {
  std::size_t operator()(const Value& value) const;
};
struct SameValue {
  bool operator()(const Value& a, const Value& b) const;
};

class Dict {
 public:
  void set(Value key, Value value);
  [[nodiscard]] const Value* find(const Value& key) const;
  [[nodiscard]] const Value* find(std::string_view key) const;
  [[nodiscard]] const std::vector<std::pair<Value, Value>>& entries() const noexcept { return entries_; }
  [[nodiscard]] std::size_t depth() const noexcept { return depth_; }

 private:
  [[nodiscard]] std::optional<std::size_t> place(const Value& key) const;

  std::vector<std::pair<Value, Value>> entries_;
  std::unordered_map<Value, std::size_t, HashValue, SameValue> places_;  // of a large one
  std::size_t depth_ = 1;
  Holding holding_;
};

// What a call brings.
struct Args {
  std::vector<Value> values{};
  std::vector<std::pair<std::string, Value>> named{};

  // The argument that stands there or has this name; null where there is none.
  [[nodiscard]] const Value* find(std::size_t index, std::string_view name) const;
  [[nodiscard]] Value get(std::size_t index, std::string_view name, Value fallback = {}) const;
  [[nodiscard]] const Value& need(std::size_t index, std::string_view name) const;
  [[nodiscard]] Integer integer(std::size_t index, std::string_view name, Integer fallback) const;
  [[nodiscard]] bool flag(std::size_t index, std::string_view name, bool fallback) const;
};

class Renderer;

// An object with attributes, or something that can be called.
class Native {
 public:
  virtual ~Native() = default;
  [[nodiscard]] virtual bool callable() const { return true; }
  [[nodiscard]] virtual std::string describe() const = 0;
  [[nodiscard]] virtual std::size_t depth() const { return 0; }  // of what it holds
  virtual Value call(Renderer& renderer, const Args& args);
  virtual std::optional<Value> attribute(std::string_view name);
};

[[nodiscard]] Value make(Shape shape, std::vector<Value> items);
[[nodiscard]] Value make_undefined(std::string why);
// Its strings came in, but for those that `owns` says are the template's own: it is asked with the name of the member
// that a string stands under.
using Owns = bool (*)(std::string_view member, std::string_view text);
[[nodiscard]] Value from_json(const nlohmann::ordered_json& json, Owns owns = nullptr, std::string_view member = {});
// A name that is written in the template, or that came in by `**`.
[[nodiscard]] Value name_value(const std::string& name);

[[nodiscard]] std::string_view type_name(const Value& value);  // Python's: 'str', 'dict'
[[nodiscard]] bool truth(const Value& value);
[[nodiscard]] bool equal(const Value& a, const Value& b);
[[nodiscard]] bool less(const Value& a, const Value& b);  // fails where Python does
[[nodiscard]] bool contains(const Value& in, const Value& item);
[[nodiscard]] std::size_t length(const Value& value);
[[nodiscard]] std::vector<Value> iterate(const Value& value);  // an iterator is used up
[[nodiscard]] const std::string& text_of(const Value& value);  // fails where it is not a text
[[nodiscard]] const MarkedText& marked_text_of(const Value& value);
[[nodiscard]] MarkedText marked_str(const Value& value);
[[nodiscard]] MarkedText marked_repr(const Value& value);
[[nodiscard]] inline std::string str(const Value& value) { return marked_str(value).text; }
[[nodiscard]] inline std::string repr(const Value& value) { return marked_repr(value).text; }
[[noreturn]] void fail_undefined(const Value& value);

}  // namespace plimsoll::jinja
