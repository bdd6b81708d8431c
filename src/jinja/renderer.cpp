#include "renderer.hpp"

#include <algorithm>

#include "loop.hpp"

namespace plimsoll::jinja {
namespace {

class FinishAtEnd {
 public:
  explicit FinishAtEnd(Loop& loop) : loop_(loop) {}
  ~FinishAtEnd() { loop_.finish(); }
  FinishAtEnd(const FinishAtEnd&) = delete;
  FinishAtEnd& operator=(const FinishAtEnd&) = delete;

 private:
  Loop& loop_;
};

}  // namespace

const Value* Scope::find(NameId name) const {
  const auto at = std::ranges::find(values, name, [](const auto& entry) { return entry.first; });
  return at == values.end() ? nullptr : &at->second;
}

void Scope::set(NameId name, Value value) {
  const auto at = std::ranges::find(values, name, [](const auto& entry) { return entry.first; });
  if (at == values.end())
    values.emplace_back(name, std::move(value));
  else
    at->second = std::move(value);
}

void Namespace::set(const std::string& name, Value value) {
  const auto at = std::ranges::find(values_, name, [](const auto& entry) { return entry.first; });
  if (at != values_.end()) {
    at->second = std::move(value);
    return;
  }
  holding_.grow(sizeof(values_[0]) + name.size());
  values_.emplace_back(name, std::move(value));
}

std::optional<Value> Namespace::attribute(std::string_view name) {
  const auto at = std::ranges::find(values_, name, [](const auto& entry) { return std::string_view(entry.first); });
  return at == values_.end() ? std::nullopt : std::optional(at->second);
}

Value MacroValue::call(Renderer& renderer, const Args& args) { return renderer.call_macro(*body_, around_, args); }

std::optional<Value> MacroValue::attribute(std::string_view name) {
  if (name == "name") return Value(body_->name);
  if (name != "arguments") return std::nullopt;
  std::vector<Value> names;
  for (const Parameter& parameter : body_->parameters) names.emplace_back(parameter.name);
  return make(Shape::tuple, std::move(names));
}

class Renderer::Inside {
 public:
  Inside(Renderer& renderer, std::shared_ptr<Scope> scope)
      : renderer_(renderer), outer_(std::exchange(renderer.scope_, std::move(scope))) {}
  ~Inside() { renderer_.scope_ = std::move(outer_); }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  Renderer& renderer_;
  std::shared_ptr<Scope> outer_;
};

Renderer::Renderer(const Syntax& syntax, const nlohmann::ordered_json& values, const RenderOptions& options)
    : syntax_(syntax), values_(values), options_(options) {}

Renderer::~Renderer() {
  for (const auto& space : spaces_) space->clear();
  for (const auto& scope : scopes_) scope->values.clear();
}

MarkedText Renderer::run() {
  (void)run(syntax_.body);
  return std::move(whole_.text);
}

void Renderer::make_room(std::size_t bytes, std::size_t marks) {
  const std::size_t most = options_.limits.output;
  if (out_ == &whole_ && bytes > most - std::min(whole_.text.text.size(), most))
    fail("the template writes more than {} MiB", most >> 20);
  out_->holding.grow(bytes + marks);
}

void Renderer::write(const MarkedText& text) {
  make_room(text.text.size(), text.bytes() - text.text.size());
  out_->text += text;
}

// What `work` writes, as a value.
Value Renderer::captured(const std::function<void()>& work) {
  Output inner;
  Output* const outer = std::exchange(out_, &inner);
  try {
    work();
  } catch (...) {
    out_ = outer;
    throw;
  }
  out_ = outer;
  return Value(std::move(inner.text));
}

Value Renderer::through(const Expression* filter, Value text) {
  if (filter == nullptr) return text;
  piped_ = std::move(text);
  return value_of(*filter);
}

std::shared_ptr<Scope> Renderer::kept_scope() {
  if (scopes_.empty() || scopes_.back() != scope_) scopes_.push_back(scope_);
  return scope_;
}

Renderer::Flow Renderer::run(const Block& block) {
  for (const Statement& statement : block) {
    if (const Flow flow = execute(statement); flow != Flow::on) return flow;
  }
  return Flow::on;
}

Renderer::Flow Renderer::execute(const Statement& statement) {
  Bounds::current()->step();
  line_ = statement.line;
  return std::visit([this](const auto& node) { return perform(node); }, statement.node);
}

Renderer::Flow Renderer::perform(const Data& data) {
  make_room(data.text.size(), 0);
  out_->text += data.text;
  return Flow::on;
}

Renderer::Flow Renderer::perform(const Print& print) {
  const Value value = value_of(*print.value);
  if (const Text* text = value.text())
    write(*text);
  else
    write(marked_str(value));
  return Flow::on;
}

Renderer::Flow Renderer::perform(const If& whole) {
  for (const auto& [condition, body] : whole.branches) {
    if (truth(value_of(*condition))) return run(body);
  }
  return run(whole.otherwise);
}

Renderer::Flow Renderer::perform(const For& loop) {
  run_loop(loop, value_of(*loop.items), 0, scope_);
  return Flow::on;
}

Value Renderer::render_loop(const For& loop, const Value& items, std::size_t depth,
                            const std::shared_ptr<Scope>& around) {
  return captured([&] { run_loop(loop, items, depth, around); });
}

void Renderer::run_loop(const For& syntax, const Value& items, std::size_t depth,
                        const std::shared_ptr<Scope>& around) {
  static constexpr std::string_view kLoop = "loop";
  const Level level;
  const auto loop_name = static_cast<NameId>(std::ranges::find(syntax_.names, kLoop) - syntax_.names.begin());
  const auto accepts = [&](const Value& item) {
    const Inside inside(*this, std::make_shared<Scope>(around));
    assign(syntax.target, item);
    return truth(value_of(*syntax.condition));
  };
  const auto loop = std::make_shared<Loop>(syntax, items, depth, around,
                                           syntax.condition == nullptr ? std::function<bool(const Value&)>() : accepts);
  const FinishAtEnd finish(*loop);
  bool empty = true;  // until a body was run to its end: so it is where Jinja2 breaks or continues
  while (const auto item = loop->advance()) {
    const Inside inside(*this, std::make_shared<Scope>(around));
    scope_->set(loop_name, Value(loop));
    assign(syntax.target, *item);
    const Flow flow = run(syntax.body);
    if (flow == Flow::leave) break;
    if (flow == Flow::on) empty = false;
  }
  if (!empty) return;
  const Inside inside(*this, std::make_shared<Scope>(around));
  (void)run(syntax.otherwise);
}

Renderer::Flow Renderer::perform(const Assign& assignment) {
  assign(assignment.target, value_of(*assignment.value));
  return Flow::on;
}

void Renderer::assign(const Target& target, const Value& value) {
  if (!target.parts.empty()) {
    const std::vector<Value> items = iterate(value);
    if (items.size() != target.parts.size())
      fail("{} values are there for {} names", items.size(), target.parts.size());
    for (std::size_t i = 0; i < items.size(); ++i) assign(target.parts[i], items[i]);
  } else if (target.attribute.empty()) {
    scope_->set(target.name, value);
  } else {
    auto* space = dynamic_cast<Namespace*>(evaluate(Variable{target.name}).native());
    if (space == nullptr)
      fail("'{}' is not a namespace, and only attributes of one can be set", syntax_.names[target.name]);
    space->set(target.attribute, value);
  }
}

Renderer::Flow Renderer::perform(const AssignBlock& assignment) {
  Value text = captured([&] {
    const Inside inside(*this, std::make_shared<Scope>(scope_));
    (void)run(assignment.body);
  });
  assign(assignment.target, through(assignment.filter.get(), std::move(text)));
  return Flow::on;
}

Renderer::Flow Renderer::perform(const Macro& macro) {
  scope_->set(macro.name, Value(std::make_shared<MacroValue>(macro.macro, kept_scope())));
  return Flow::on;
}

Renderer::Flow Renderer::perform(const CallBlock& block) {
  const Call& call_of = std::get<Call>(block.call->node);
  const Value callee = value_of(*call_of.callee);
  Args args = arguments_of(call_of.arguments);
  args.named.emplace_back("caller", Value(std::make_shared<MacroValue>(block.caller, kept_scope())));
  write(marked_str(call(callee, args)));
  return Flow::on;
}

Renderer::Flow Renderer::perform(const FilterBlock& block) {
  Value text = captured([&] {
    const Inside inside(*this, std::make_shared<Scope>(scope_));
    (void)run(block.body);
  });
  write(marked_str(through(block.filter.get(), std::move(text))));
  return Flow::on;
}

Renderer::Flow Renderer::perform(const With& with) {
  auto inner = std::make_shared<Scope>(scope_);
  std::vector<Value> values;
  for (const auto& [target, value] : with.values) values.push_back(value_of(*value));
  const Inside inside(*this, std::move(inner));
  for (std::size_t i = 0; i < values.size(); ++i) assign(with.values[i].first, values[i]);
  return run(with.body);
}

Renderer::Flow Renderer::perform(const Scoped& scoped) {
  const Inside inside(*this, std::make_shared<Scope>(scoped.from_root ? root_ : scope_));
  return run(scoped.body);
}

Value Renderer::call_macro(const MacroBody& macro, const std::shared_ptr<Scope>& around, const Args& args) {
  const Level level;
  const auto special = [this](std::string_view name) {
    return static_cast<NameId>(std::ranges::find(syntax_.names, name) - syntax_.names.begin());
  };
  const Inside inside(*this, std::make_shared<Scope>(around));
  std::vector<std::pair<std::string, Value>> others = args.named;
  const auto take = [&](std::string_view name) -> std::optional<Value> {
    const auto at = std::ranges::find(others, name, [](const auto& entry) { return std::string_view(entry.first); });
    if (at == others.end()) return std::nullopt;
    Value value = std::move(at->second);
    others.erase(at);
    return value;
  };
  for (std::size_t i = 0; i < macro.parameters.size(); ++i) {
    const Parameter& parameter = macro.parameters[i];
    std::optional<Value> value = i < args.values.size() ? std::optional(args.values[i]) : take(parameter.name);
    if (!value && parameter.fallback != nullptr) value = value_of(*parameter.fallback);
    scope_->set(parameter.id,
                value ? std::move(*value)
                      : make_undefined(fmt::format("'{}' was not given to '{}'", parameter.name, macro.name)));
  }
  if (macro.uses_caller && scope_->find(special("caller")) == nullptr) {
    scope_->set(special("caller"), take("caller").value_or(make_undefined("'caller' is there in a call block alone")));
  }
  if (macro.uses_kwargs) {
    auto dict = std::make_shared<Dict>();
    for (auto& [name, value] : others) dict->set(name_value(name), std::move(value));
    scope_->set(special("kwargs"), std::shared_ptr<const Dict>(std::move(dict)));
  } else if (!others.empty()) {
    fail("'{}' takes no argument '{}'", macro.name, others[0].first);
  }
  const std::size_t used = std::min(args.values.size(), macro.parameters.size());
  if (macro.uses_varargs) {
    scope_->set(special("varargs"),
                make(Shape::tuple, {args.values.begin() + static_cast<std::ptrdiff_t>(used), args.values.end()}));
  } else if (used < args.values.size()) {
    fail("'{}' takes {} arguments, not {}", macro.name, macro.parameters.size(), args.values.size());
  }
  return captured([&] { (void)run(macro.body); });
}

}  // namespace plimsoll::jinja
