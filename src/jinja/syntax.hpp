// What the parser makes of a template: expressions and statements.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "value.hpp"

namespace plimsoll::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;
using NameId = std::uint32_t;  // a name's place in the template's table of names

struct CallArguments {
  std::vector<ExpressionPtr> values{};
  std::vector<std::pair<std::string, ExpressionPtr>> named{};
  ExpressionPtr rest{};        // *rest
  ExpressionPtr named_rest{};  // **named_rest
};

enum class Operator { add, subtract, multiply, divide, floor_divide, modulo, power, conjunction, disjunction };
enum class Comparator { equal, unequal, less, less_equal, greater, greater_equal, in, not_in };

struct Literal {
  Value value;
};
struct Variable {
  NameId name;
};
struct RowDisplay {
  Shape shape;
  std::vector<ExpressionPtr> items;
};
struct DictDisplay {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
};
struct Unary {
  char sign;
  ExpressionPtr operand;
};  // '!' for `not`
struct Binary {
  Operator op;
  ExpressionPtr left, right;
};
struct Comparison {
  ExpressionPtr first;
  std::vector<std::pair<Comparator, ExpressionPtr>> further;
};
struct Concatenation {
  std::vector<ExpressionPtr> parts;
};
struct Conditional {
  ExpressionPtr condition, then, otherwise;
};  // `otherwise` may be missing
struct Attribute {
  ExpressionPtr of;
  std::string name;
};
struct Subscript {
  ExpressionPtr of, key;
};
struct SliceKey {
  ExpressionPtr start, stop, step;
};  // each may be missing
struct Call {
  ExpressionPtr callee;
  CallArguments arguments;
};
struct FilterCall {
  ExpressionPtr input;
  std::string name;
  CallArguments arguments;
};  // no input: a block's text
struct TestCall {
  ExpressionPtr input;
  std::string name;
  CallArguments arguments;
};

struct Expression {
  std::variant<Literal, Variable, RowDisplay, DictDisplay, Unary, Binary, Comparison, Concatenation, Conditional,
               Attribute, Subscript, SliceKey, Call, FilterCall, TestCall>
      node;
  int line = 0;
};

struct Statement;
using Block = std::vector<Statement>;

// Where a value is put: a name, an attribute of a namespace, or several such.
struct Target {
  NameId name = 0;
  std::string attribute{};      // of the namespace `name`
  std::vector<Target> parts{};  // of a tuple
};

struct Parameter {
  NameId id;
  std::string name;
  ExpressionPtr fallback;
};
struct MacroBody {
  std::string name;
  std::vector<Parameter> parameters;
  Block body;
  bool uses_varargs = false;
  bool uses_kwargs = false;
  bool uses_caller = false;
};

struct Data {
  std::string text;
};
struct Print {
  ExpressionPtr value;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Block>> branches;
  Block otherwise;
};
struct For {
  Target target;
  ExpressionPtr items, condition;
  Block body, otherwise;
  bool recursive;
};
struct Assign {
  Target target;
  ExpressionPtr value;
};
struct AssignBlock {
  Target target;
  ExpressionPtr filter;
  Block body;
};
struct Macro {
  NameId name;
  std::shared_ptr<const MacroBody> macro;
};
struct CallBlock {
  ExpressionPtr call;
  std::shared_ptr<const MacroBody> caller;
};
struct FilterBlock {
  ExpressionPtr filter;
  Block body;
};
struct With {
  std::vector<std::pair<Target, ExpressionPtr>> values;
  Block body;
};
struct Jump {
  bool leaves;
};  // break, else continue
struct Scoped {
  Block body;
  bool from_root;
};  // generation and block; the latter sees the template's own names alone

struct Statement {
  std::variant<Data, Print, If, For, Assign, AssignBlock, Macro, CallBlock, FilterBlock, With, Jump, Scoped> node;
  int line = 0;
};

struct Syntax {
  Block body;
  std::vector<std::string> names;
};

// Throws Failure, "line 3: ...".
[[nodiscard]] Syntax parse(std::string_view source);

}  // namespace plimsoll::jinja
