// Renderer: one rendering of a parsed template. One thread at a time.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bounds.hpp"
#include "syntax.hpp"
#include "value.hpp"

namespace plimsoll::jinja {

// The names of a block. What is not found here is looked for in the block around it.
struct Scope {
  explicit Scope(std::shared_ptr<Scope> around) : parent(std::move(around)) {
    holding.grow(sizeof(Scope) + sizeof(Value));
  }

  [[nodiscard]] const Value* find(NameId name) const;  // here alone
  void set(NameId name, Value value);

  std::shared_ptr<Scope> parent;
  std::vector<std::pair<NameId, Value>> values{};
  Holding holding{};
};

// What `namespace()` makes: the one kind of value that `set` changes.
class Namespace final : public Native {
 public:
  void set(const std::string& name, Value value);
  void clear() { values_.clear(); }
  [[nodiscard]] bool callable() const override { return false; }
  [[nodiscard]] std::string describe() const override { return "<Namespace>"; }
  std::optional<Value> attribute(std::string_view name) override;

 private:
  std::vector<std::pair<std::string, Value>> values_;
  Holding holding_;
};

// A function of the template's, with the names around its definition.
class MacroValue final : public Native {
 public:
  MacroValue(std::shared_ptr<const MacroBody> body, std::shared_ptr<Scope> around)
      : body_(std::move(body)), around_(std::move(around)) {}
  [[nodiscard]] std::string describe() const override { return "<Macro '" + body_->name + "'>"; }
  Value call(Renderer& renderer, const Args& args) override;
  std::optional<Value> attribute(std::string_view name) override;

 private:
  std::shared_ptr<const MacroBody> body_;
  std::shared_ptr<Scope> around_;
};

class Renderer {
 public:
  Renderer(const Syntax& syntax, const nlohmann::ordered_json& values, const RenderOptions& options);
  ~Renderer();
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;

  [[nodiscard]] MarkedText run();
  [[nodiscard]] int line() const noexcept { return line_; }
  [[nodiscard]] std::chrono::system_clock::time_point now() const { return options_.now; }

  // `of.name` and `of[key]`, by the sandbox's rules; undefined where there is none.
  [[nodiscard]] Value attribute(const Value& of, std::string_view name);
  [[nodiscard]] Value item(const Value& of, const Value& key);
  [[nodiscard]] Value call(const Value& callee, const Args& args);
  [[nodiscard]] Value filtered(std::string_view name, const Value& input, const Args& args);
  [[nodiscard]] bool tested(std::string_view name, const Value& input, const Args& args);

  Value call_macro(const MacroBody& macro, const std::shared_ptr<Scope>& around, const Args& args);
  // The text of a loop's body for these items.
  Value render_loop(const For& loop, const Value& items, std::size_t depth, const std::shared_ptr<Scope>& around);
  // Namespaces may hold themselves, and scopes their own macros: they live until the rendering ends.
  void keep(std::shared_ptr<Namespace> space) { spaces_.push_back(std::move(space)); }

 private:
  enum class Flow { on, leave, again };
  struct Output {
    MarkedText text{};
    Holding holding{};
  };
  class Inside;  // another scope, for as long as it lives

  // Statements (renderer.cpp).
  Flow run(const Block& block);
  Flow execute(const Statement& statement);
  Flow perform(const Data& data);
  Flow perform(const Print& print);
  Flow perform(const If& whole);
  Flow perform(const For& loop);
  Flow perform(const Assign& assign);
  Flow perform(const AssignBlock& assign);
  Flow perform(const Macro& macro);
  Flow perform(const CallBlock& call);
  Flow perform(const FilterBlock& block);
  Flow perform(const With& with);
  Flow perform(const Jump& jump) { return jump.leaves ? Flow::leave : Flow::again; }
  Flow perform(const Scoped& scoped);
  void run_loop(const For& loop, const Value& items, std::size_t depth, const std::shared_ptr<Scope>& around);
  void assign(const Target& target, const Value& value);
  void write(const MarkedText& text);
  void make_room(std::size_t bytes, std::size_t marks);
  Value captured(const std::function<void()>& work);
  Value through(const Expression* filter, Value text);
  std::shared_ptr<Scope> kept_scope();

  // Expressions (expressions.cpp).
  Value value_of(const Expression& expression);
  [[nodiscard]] Value given_value(const std::string& name, const nlohmann::ordered_json& value) const;
  Value evaluate(const Literal& literal) { return literal.value; }
  Value evaluate(const Variable& variable);
  Value evaluate(const RowDisplay& display);
  Value evaluate(const DictDisplay& display);
  Value evaluate(const Unary& unary);
  Value evaluate(const Binary& binary);
  Value evaluate(const Comparison& comparison);
  Value evaluate(const Concatenation& concatenation);
  Value evaluate(const Conditional& conditional);
  Value evaluate(const Attribute& access);
  Value evaluate(const Subscript& subscript);
  Value evaluate(const SliceKey& slice);
  Value evaluate(const Call& call);
  Value evaluate(const FilterCall& call);
  Value evaluate(const TestCall& call);
  Value sliced(const Value& of, const SliceKey& slice);
  Args arguments_of(const CallArguments& arguments);

  const Syntax& syntax_;
  const nlohmann::ordered_json& values_;
  const RenderOptions& options_;
  std::shared_ptr<Scope> root_ = std::make_shared<Scope>(nullptr);
  std::shared_ptr<Scope> scope_ = root_;
  Output whole_;
  Output* out_ = &whole_;
  Value piped_;  // what a block's first filter takes
  int line_ = 0;
  std::size_t depth_ = 0;
  std::vector<std::shared_ptr<Namespace>> spaces_;
  std::vector<std::shared_ptr<Scope>> scopes_;
};

}  // namespace plimsoll::jinja
