#include <algorithm>
#include <unordered_map>

#include "arithmetic.hpp"
#include "builtins.hpp"
#include "print.hpp"
#include "renderer.hpp"
#include "text.hpp"

namespace plimsoll::jinja {
namespace {

using In = const Value&;

bool divides(In value, In by, Integer rest) { return equal(calculate(Operator::modulo, value, by), Value(rest)); }

bool has_length_and_items(In value) {
  const Sequence* row = value.sequence();
  return value.text() != nullptr || value.dict() != nullptr || value.undefined() != nullptr ||
         (row != nullptr && row->shape <= Shape::range);
}

bool iterable(In value) {
  return value.text() != nullptr || value.dict() != nullptr || value.undefined() != nullptr ||
         value.sequence() != nullptr;
}

bool same(In a, In b) {
  if (a.data().index() != b.data().index()) return false;
  if (a.text() != nullptr || a.number()) return equal(a, b);
  return a.sequence() == b.sequence() && a.dict() == b.dict() && a.native() == b.native();
}

bool all_cased(In value, std::string_view method) {
  const std::u32string letters = decode(str(value));
  const auto has = [&](Letters kind) { return std::ranges::any_of(letters, [&](char32_t c) { return is(kind, c); }); };
  return method == "lower" ? has(Letters::lower) && !has(Letters::upper) : has(Letters::upper) && !has(Letters::lower);
}

template <bool smaller, bool same_as, bool larger>
bool compared(Renderer&, In value, const Args& args) {
  const Value& other = args.need(0, "b");
  return (same_as && equal(value, other)) || (smaller && less(value, other)) || (larger && less(other, value));
}

bool unequal(Renderer&, In value, const Args& args) { return !equal(value, args.need(0, "b")); }

}  // namespace

Test find_test(std::string_view name) {
  static const std::unordered_map<std::string_view, Test> kTests = {
      {"defined", [](Renderer&, In v, const Args&) { return v.undefined() == nullptr; }},
      {"undefined", [](Renderer&, In v, const Args&) { return v.undefined() != nullptr; }},
      {"none", [](Renderer&, In v, const Args&) { return v.none(); }},
      {"boolean", [](Renderer&, In v, const Args&) { return v.boolean() != nullptr; }},
      {"true", [](Renderer&, In v, const Args&) { return v.boolean() != nullptr && *v.boolean(); }},
      {"false", [](Renderer&, In v, const Args&) { return v.boolean() != nullptr && !*v.boolean(); }},
      {"integer", [](Renderer&, In v, const Args&) { return v.integer() && v.boolean() == nullptr; }},
      {"float", [](Renderer&, In v, const Args&) { return v.real() != nullptr; }},
      {"number", [](Renderer&, In v, const Args&) { return v.number().has_value(); }},
      {"string", [](Renderer&, In v, const Args&) { return v.text() != nullptr; }},
      {"mapping", [](Renderer&, In v, const Args&) { return v.dict() != nullptr; }},
      {"sequence", [](Renderer&, In v, const Args&) { return has_length_and_items(v); }},
      {"iterable", [](Renderer&, In v, const Args&) { return iterable(v); }},
      {"callable",
       [](Renderer&, In v, const Args&) {
         return v.undefined() != nullptr || (v.native() != nullptr && v.native()->callable());
       }},
      {"escaped", [](Renderer&, In v, const Args&) { return v.text() != nullptr && v.text()->markup; }},
      {"lower", [](Renderer&, In v, const Args&) { return all_cased(v, "lower"); }},
      {"upper", [](Renderer&, In v, const Args&) { return all_cased(v, "upper"); }},
      {"odd", [](Renderer&, In v, const Args&) { return divides(v, Value(2), 1); }},
      {"even", [](Renderer&, In v, const Args&) { return divides(v, Value(2), 0); }},
      {"divisibleby", [](Renderer&, In v, const Args& args) { return divides(v, args.need(0, "num"), 0); }},
      {"sameas", [](Renderer&, In v, const Args& args) { return same(v, args.need(0, "other")); }},
      {"in", [](Renderer&, In v, const Args& args) { return contains(args.need(0, "seq"), v); }},
      {"filter",
       [](Renderer&, In v, const Args&) { return v.text() != nullptr && find_filter(v.text()->text) != nullptr; }},
      {"test",
       [](Renderer&, In v, const Args&) { return v.text() != nullptr && find_test(v.text()->text) != nullptr; }},
      {"==", compared<false, true, false>},
      {"eq", compared<false, true, false>},
      {"equalto", compared<false, true, false>},
      {"!=", unequal},
      {"ne", unequal},
      {"<", compared<true, false, false>},
      {"lt", compared<true, false, false>},
      {"lessthan", compared<true, false, false>},
      {"<=", compared<true, true, false>},
      {"le", compared<true, true, false>},
      {">", compared<false, false, true>},
      {"gt", compared<false, false, true>},
      {"greaterthan", compared<false, false, true>},
      {">=", compared<false, true, true>},
      {"ge", compared<false, true, true>}};
  const auto found = kTests.find(name);
  return found == kTests.end() ? nullptr : found->second;
}

}  // namespace plimsoll::jinja
