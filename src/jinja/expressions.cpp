#include <algorithm>

#include "arithmetic.hpp"
#include "builtins.hpp"
#include "renderer.hpp"
#include "text.hpp"

namespace plimsoll::jinja {
namespace {

constexpr std::size_t kMostNested = 3000;  // expressions in expressions, macros' bodies included: a stack of some MiB

// A method of a string, list or dict, with what it belongs to.
class BoundMethod final : public Native {
 public:
  BoundMethod(Value self, Method method, std::string_view name)
      : self_(std::move(self)), method_(method), name_(name) {}
  [[nodiscard]] std::string describe() const override { return "<method '" + name_ + "'>"; }
  [[nodiscard]] std::size_t depth() const override { return self_.depth() + 1; }
  Value call(Renderer& renderer, const Args& args) override { return method_(renderer, self_, args); }

 private:
  Value self_;
  Method method_;
  std::string name_;
};

std::string owner(const Value& value) {
  return value.none() ? "None" : value.dict() != nullptr ? "the dict" : fmt::format("a '{}'", type_name(value));
}

std::optional<std::size_t> place(const Value& key, std::size_t size) {
  const auto index = key.integer();
  if (!index) return std::nullopt;
  const Integer at = *index < 0 ? *index + static_cast<Integer>(size) : *index;
  return at < 0 || at >= static_cast<Integer>(size) ? std::nullopt : std::optional(static_cast<std::size_t>(at));
}

// Python's slice of so many items.
struct Bounded {
  Integer from, to, step;
};
Bounded bounded(std::size_t count, std::optional<Integer> start, std::optional<Integer> stop, Integer step) {
  if (step == 0) fail("a slice's step is 0");
  const auto size = static_cast<Integer>(count);
  const Integer low = step < 0 ? -1 : 0;
  const Integer high = step < 0 ? size - 1 : size;
  const auto bound = [&](std::optional<Integer> at, Integer missing) {
    return at ? std::clamp(*at < 0 ? *at + size : *at, low, high) : missing;
  };
  return {.from = bound(start, step < 0 ? high : low), .to = bound(stop, step < 0 ? low : high), .step = step};
}

std::vector<std::size_t> places(const Bounded& slice) {
  std::vector<std::size_t> out;
  for (Integer at = slice.from; slice.step < 0 ? at > slice.to : at < slice.to; at += slice.step)
    out.push_back(static_cast<std::size_t>(at));
  charge_items(out.size() / 8);
  return out;
}

MarkedText slice_of(const MarkedText& text, const Bounded& slice) {
  if (slice.step == 1) {
    const Integer to = std::max(slice.from, slice.to);
    return part_of(text,
                   letters_between(text.text, static_cast<std::size_t>(slice.from), static_cast<std::size_t>(to)));
  }
  const std::vector<std::string_view> letters = letters_of(text.text);
  MarkedText kept;
  for (const std::size_t at : places(slice)) kept += part_of(text, letters[at]);
  return kept;
}

bool compare(Comparator op, const Value& a, const Value& b) {
  switch (op) {
    case Comparator::equal:
      return equal(a, b);
    case Comparator::unequal:
      return !equal(a, b);
    case Comparator::less:
      return less(a, b);
    case Comparator::greater:
      return less(b, a);
    case Comparator::less_equal:
      return less(a, b) || equal(a, b);
    case Comparator::greater_equal:
      return less(b, a) || equal(a, b);
    case Comparator::in:
      return contains(b, a);
    default:
      return !contains(b, a);
  }
}

}  // namespace

Value Renderer::value_of(const Expression& expression) {
  Bounds::current()->step();
  if (depth_ >= kMostNested) fail("the template goes too deep");
  ++depth_;  // a failure ends the rendering, so nobody counts it down
  line_ = expression.line;
  Value value = std::visit([this](const auto& node) { return evaluate(node); }, expression.node);
  --depth_;
  return value;
}

Value Renderer::given_value(const std::string& name, const nlohmann::ordered_json& value) const {
  if (value.is_string() && std::ranges::contains(options_.own_variables, std::string_view(name)))
    return Value(value.get_ref<const std::string&>());
  return from_json(value, options_.owns);
}

Value Renderer::evaluate(const Variable& variable) {
  for (const Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    if (const Value* found = scope->find(variable.name)) return *found;
  }
  const std::string& name = syntax_.names[variable.name];
  const auto given = values_.find(name);
  std::optional<Value> value = given != values_.end() ? std::optional(given_value(name, *given)) : find_global(name);
  if (!value) return make_undefined(fmt::format("'{}' is undefined", name));
  root_->values.emplace_back(variable.name, *value);
  return std::move(*value);
}

Value Renderer::evaluate(const RowDisplay& display) {
  std::vector<Value> items;
  items.reserve(display.items.size());
  for (const ExpressionPtr& item : display.items) items.push_back(value_of(*item));
  return make(display.shape, std::move(items));
}

Value Renderer::evaluate(const DictDisplay& display) {
  auto dict = std::make_shared<Dict>();
  for (const auto& [key, value] : display.items) {
    Value name = value_of(*key);
    dict->set(std::move(name), value_of(*value));
  }
  return std::shared_ptr<const Dict>(std::move(dict));
}

Value Renderer::evaluate(const Unary& unary) {
  const Value operand = value_of(*unary.operand);
  return unary.sign == '!' ? Value(!truth(operand)) : signed_value(unary.sign, operand);
}

Value Renderer::evaluate(const Binary& binary) {
  Value left = value_of(*binary.left);
  if (binary.op == Operator::conjunction) return truth(left) ? value_of(*binary.right) : left;
  if (binary.op == Operator::disjunction) return truth(left) ? left : value_of(*binary.right);
  return calculate(binary.op, left, value_of(*binary.right));
}

Value Renderer::evaluate(const Comparison& comparison) {
  Value left = value_of(*comparison.first);
  for (const auto& [op, expression] : comparison.further) {
    Value right = value_of(*expression);
    if (!compare(op, left, right)) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Value Renderer::evaluate(const Concatenation& concatenation) {
  MarkedText whole;
  Holding holding;
  for (const ExpressionPtr& part : concatenation.parts) {
    const std::size_t before = whole.bytes();
    whole += marked_str(value_of(*part));
    holding.grow(whole.bytes() - before);
  }
  return Value(std::move(whole));
}

Value Renderer::evaluate(const Conditional& conditional) {
  if (truth(value_of(*conditional.condition))) return value_of(*conditional.then);
  if (conditional.otherwise != nullptr) return value_of(*conditional.otherwise);
  return make_undefined("the condition did not hold, and there is no 'else'");
}

Value Renderer::evaluate(const Attribute& access) { return attribute(value_of(*access.of), access.name); }

Value Renderer::evaluate(const Subscript& subscript) {
  const Value of = value_of(*subscript.of);
  if (const auto* slice = std::get_if<SliceKey>(&subscript.key->node)) return sliced(of, *slice);
  return item(of, value_of(*subscript.key));
}

Value Renderer::evaluate(const SliceKey&) { fail("a slice stands for itself in a subscript"); }

Value Renderer::evaluate(const Call& call_of) {
  const Value callee = value_of(*call_of.callee);
  const int line = line_;
  const Args args = arguments_of(call_of.arguments);
  line_ = line;
  return call(callee, args);
}

Value Renderer::evaluate(const FilterCall& call_of) {
  const int line = line_;
  const Value input = call_of.input == nullptr ? std::exchange(piped_, {}) : value_of(*call_of.input);
  const Args args = arguments_of(call_of.arguments);
  line_ = line;
  return filtered(call_of.name, input, args);
}

Value Renderer::evaluate(const TestCall& call_of) {
  const Value input = value_of(*call_of.input);
  return Value(tested(call_of.name, input, arguments_of(call_of.arguments)));
}

Args Renderer::arguments_of(const CallArguments& arguments) {
  Args args;
  for (const ExpressionPtr& value : arguments.values) args.values.push_back(value_of(*value));
  for (const auto& [name, value] : arguments.named) args.named.emplace_back(name, value_of(*value));
  if (arguments.rest != nullptr) {
    for (Value& value : iterate(value_of(*arguments.rest))) args.values.push_back(std::move(value));
  }
  if (arguments.named_rest != nullptr) {
    const Value named = value_of(*arguments.named_rest);
    if (named.dict() == nullptr) fail("what stands behind '**' must be a dict, not a '{}'", type_name(named));
    for (const auto& [name, value] : named.dict()->entries()) args.named.emplace_back(text_of(name), value);
  }
  return args;
}

Value Renderer::call(const Value& callee, const Args& args) {
  if (callee.undefined() != nullptr) fail_undefined(callee);
  if (callee.native() == nullptr) fail("a '{}' cannot be called", type_name(callee));
  return callee.native()->call(*this, args);
}

Value Renderer::filtered(std::string_view name, const Value& input, const Args& args) {
  const Filter filter = find_filter(name);
  if (filter == nullptr) fail("there is no filter '{}'", name);
  return filter(*this, input, args);
}

bool Renderer::tested(std::string_view name, const Value& input, const Args& args) {
  const Test test = find_test(name);
  if (test == nullptr) fail("there is no test '{}'", name);
  return test(*this, input, args);
}

Value Renderer::attribute(const Value& of, std::string_view name) {
  if (of.undefined() != nullptr) fail_undefined(of);
  if (const Method method = find_method(of, name)) return Value(std::make_shared<BoundMethod>(of, method, name));
  if (const Dict* dict = of.dict()) {
    if (const Value* found = dict->find(name)) return *found;
  } else if (Native* native = of.native()) {
    if (auto found = native->attribute(name)) return std::move(*found);
  } else if (const Sequence* row = of.sequence(); row != nullptr && row->shape == Shape::group) {
    if (name == "grouper") return row->items[0];
    if (name == "list") return row->items[1];
  }
  return make_undefined(fmt::format("{} has no attribute '{}'", owner(of), name));
}

Value Renderer::item(const Value& of, const Value& key) {
  if (of.undefined() != nullptr) fail_undefined(of);
  if (const Dict* dict = of.dict()) {
    if (const Value* found = dict->find(key)) return *found;
  } else if (const Sequence* row = of.sequence(); row != nullptr && row->shape <= Shape::range) {
    if (const auto at = place(key, row->items.size())) return row->items[*at];
  } else if (const Text* text = of.text(); text != nullptr && key.integer()) {
    if (const auto at = place(key, count_letters(text->text)))
      return Value(part_of(*text, letters_between(text->text, *at, *at + 1)), text->markup);
  }
  if (key.text() != nullptr && of.dict() == nullptr) return attribute(of, key.text()->text);
  if (key.text() != nullptr) {
    const Method method = find_method(of, key.text()->text);
    if (method != nullptr) return Value(std::make_shared<BoundMethod>(of, method, key.text()->text));
  }
  return make_undefined(fmt::format("{} has no element {}", owner(of), repr(key)));
}

Value Renderer::sliced(const Value& of, const SliceKey& slice) {
  const auto part = [this](const ExpressionPtr& expression) -> std::optional<Integer> {
    const Value value = expression == nullptr ? Value() : value_of(*expression);
    if (value.none()) return std::nullopt;
    if (!value.integer()) fail("a slice's ends are whole numbers, not a '{}'", type_name(value));
    return value.integer();
  };
  const auto start = part(slice.start), stop = part(slice.stop), step = part(slice.step);
  if (of.undefined() != nullptr) fail_undefined(of);
  if (const Text* text = of.text()) {
    const Bounded bounds = bounded(count_letters(text->text), start, stop, step.value_or(1));
    return Value(slice_of(*text, bounds), text->markup);
  }
  const Sequence* row = of.sequence();
  if (row == nullptr || row->shape > Shape::range) fail("a '{}' cannot be sliced", type_name(of));
  std::vector<Value> kept;
  for (const std::size_t at : places(bounded(row->items.size(), start, stop, step.value_or(1))))
    kept.push_back(row->items[at]);
  return make(row->shape == Shape::group ? Shape::tuple : row->shape, std::move(kept));
}

}  // namespace plimsoll::jinja
