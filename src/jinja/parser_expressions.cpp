#include <algorithm>

#include "builtins.hpp"
#include "parser.hpp"

namespace plimsoll::jinja {
namespace {

constexpr std::size_t kMostLinks =
    200;  // a + b + c ...: each is a recursion when it is evaluated, and when it is freed

template <class T>
const T* found(std::string_view text, const std::vector<std::pair<std::string_view, T>>& table) {
  const auto at = std::ranges::find(table, text, [](const auto& row) { return row.first; });
  return at == table.end() ? nullptr : &at->second;
}

}  // namespace

// Operators of one strength, from left to right.
template <class Row>
ExpressionPtr Parser::left_to_right(Row row, ExpressionPtr (Parser::*inner)()) {
  ExpressionPtr left = (this->*inner)();
  for (std::size_t links = 0; now().kind == TokenKind::sign || now().kind == TokenKind::name; ++links) {
    const Operator* op = found<Operator>(now().text, row);
    if (op == nullptr) break;
    if (links == kMostLinks) wrong(fmt::format("more than {} operators stand in one row", kMostLinks));
    const int line = next().line;
    left = made(line, Binary{.op = *op, .left = std::move(left), .right = (this->*inner)()});
  }
  return left;
}

using Operators = std::vector<std::pair<std::string_view, Operator>>;

ExpressionPtr Parser::expression(bool with_condition) {
  const Nesting nesting(*this);
  ExpressionPtr value = disjunction();
  for (std::size_t links = 0; with_condition && at_word("if"); ++links) {
    if (links == kMostLinks) wrong(fmt::format("more than {} conditions stand in one row", kMostLinks));
    const int line = next().line;
    const bool outer = std::exchange(conditional_, true);
    ExpressionPtr condition = disjunction();
    ExpressionPtr otherwise = take_word("else") ? expression() : nullptr;
    conditional_ = outer;
    value = made(
        line,
        Conditional{.condition = std::move(condition), .then = std::move(value), .otherwise = std::move(otherwise)});
  }
  return value;
}

ExpressionPtr Parser::disjunction() {
  return left_to_right(Operators{{"or", Operator::disjunction}}, &Parser::conjunction);
}
ExpressionPtr Parser::conjunction() {
  return left_to_right(Operators{{"and", Operator::conjunction}}, &Parser::negation);
}

ExpressionPtr Parser::negation() {
  if (!at_word("not")) return comparison();
  const Nesting nesting(*this);
  const int line = next().line;
  return made(line, Unary{.sign = '!', .operand = negation()});
}

ExpressionPtr Parser::comparison() {
  static const std::vector<std::pair<std::string_view, Comparator>> kComparators = {
      {"==", Comparator::equal},      {"!=", Comparator::unequal}, {"<", Comparator::less},
      {"<=", Comparator::less_equal}, {">", Comparator::greater},  {">=", Comparator::greater_equal},
      {"in", Comparator::in}};
  const int line = now().line;
  ExpressionPtr first = sum();
  Comparison whole{.first = std::move(first), .further = {}};
  while (now().kind == TokenKind::sign || now().kind == TokenKind::name) {
    const Comparator* op = found<Comparator>(now().text, kComparators);
    if (op != nullptr) {
      next();
      whole.further.emplace_back(*op, sum());
    } else if (at_word("not") && ahead().kind == TokenKind::name && ahead().text == "in") {
      next(), next();
      whole.further.emplace_back(Comparator::not_in, sum());
    } else {
      break;
    }
  }
  return whole.further.empty() ? std::move(whole.first) : made(line, std::move(whole));
}

ExpressionPtr Parser::sum() {
  return left_to_right(Operators{{"+", Operator::add}, {"-", Operator::subtract}}, &Parser::concatenation);
}

ExpressionPtr Parser::concatenation() {
  const int line = now().line;
  Concatenation whole;
  whole.parts.push_back(product());
  while (take_sign("~")) whole.parts.push_back(product());
  return whole.parts.size() == 1 ? std::move(whole.parts[0]) : made(line, std::move(whole));
}

ExpressionPtr Parser::product() {
  return left_to_right(
      Operators{
          {"*", Operator::multiply}, {"/", Operator::divide}, {"//", Operator::floor_divide}, {"%", Operator::modulo}},
      &Parser::power);
}

ExpressionPtr Parser::power() {
  ExpressionPtr left = unary();
  for (std::size_t links = 0; at_sign("**"); ++links) {
    if (links == kMostLinks) wrong("too many powers stand in one row");
    const int line = next().line;
    left = made(line, Binary{.op = Operator::power, .left = std::move(left), .right = unary()});
  }
  return left;
}

ExpressionPtr Parser::unary(bool with_filters) {
  const Nesting nesting(*this);
  ExpressionPtr value;
  if (at_sign("-") || at_sign("+")) {
    const Token sign = next();
    value = made(sign.line, Unary{.sign = sign.text[0], .operand = unary(false)});
  } else {
    value = primary();
  }
  value = postfix(std::move(value));
  return with_filters ? filters_and_tests(std::move(value)) : std::move(value);
}

ExpressionPtr Parser::postfix(ExpressionPtr of) {
  for (std::size_t links = 0; at_sign(".") || at_sign("[") || at_sign("("); ++links) {
    if (links == kMostLinks) wrong("too many subscripts stand in one row");
    const int line = now().line;
    if (at_sign("("))
      of = made(line, Call{.callee = std::move(of), .arguments = arguments()});
    else
      of = subscript(std::move(of));
  }
  return of;
}

ExpressionPtr Parser::filters_and_tests(ExpressionPtr of) {
  for (std::size_t links = 0;; ++links) {
    if (links == kMostLinks) wrong("too many filters stand in one row");
    const int line = now().line;
    if (at_sign("|"))
      of = filter(std::move(of));
    else if (at_word("is"))
      of = test(std::move(of));
    else if (at_sign("("))
      of = made(line, Call{.callee = std::move(of), .arguments = arguments()});
    else
      return of;
  }
}

ExpressionPtr Parser::primary() {
  const int line = now().line;
  if (now().kind == TokenKind::name) {
    const std::string name = next().text;
    if (name == "true" || name == "True") return made(line, Literal{Value(true)});
    if (name == "false" || name == "False") return made(line, Literal{Value(false)});
    if (name == "none" || name == "None") return made(line, Literal{});
    varargs_ |= name == "varargs", kwargs_ |= name == "kwargs", caller_ |= name == "caller";
    return made(line, Variable{name_id(name)});
  }
  if (now().kind == TokenKind::literal) {
    Value value = next().value;
    if (value.text() == nullptr || now().kind != TokenKind::literal) return made(line, Literal{std::move(value)});
    std::string joined = value.text()->text;
    while (now().kind == TokenKind::literal && now().value.text() != nullptr) joined += next().value.text()->text;
    return made(line, Literal{Value(std::move(joined))});
  }
  if (at_sign("[")) return list();
  if (at_sign("{")) return dict();
  if (!take_sign("(")) wrong("an expression is missing");
  ExpressionPtr inner = tuple(true, true);
  need_sign(")");
  return inner;
}

ExpressionPtr Parser::tuple(bool with_condition, bool in_parentheses, std::string_view ends_before) {
  const int line = now().line;
  std::vector<ExpressionPtr> items;
  bool comma = false;
  while (true) {
    const bool end = now().kind == TokenKind::print_end || now().kind == TokenKind::block_end || at_sign(")") ||
                     (!ends_before.empty() && at_word(ends_before));
    if (end) break;
    items.push_back(expression(with_condition));
    if (!take_sign(",")) break;
    comma = true;
  }
  if (!comma && items.size() == 1) return std::move(items[0]);
  if (items.empty() && !in_parentheses) wrong("an expression is missing");
  return made(line, RowDisplay{.shape = Shape::tuple, .items = std::move(items)});
}

ExpressionPtr Parser::list() {
  const int line = next().line;
  std::vector<ExpressionPtr> items;
  while (!at_sign("]")) {
    if (!items.empty()) need_sign(",");
    if (at_sign("]")) break;
    items.push_back(expression());
  }
  need_sign("]");
  return made(line, RowDisplay{.shape = Shape::list, .items = std::move(items)});
}

ExpressionPtr Parser::dict() {
  const int line = next().line;
  DictDisplay display;
  while (!at_sign("}")) {
    if (!display.items.empty()) need_sign(",");
    if (at_sign("}")) break;
    ExpressionPtr key = expression();
    need_sign(":");
    display.items.emplace_back(std::move(key), expression());
  }
  need_sign("}");
  return made(line, std::move(display));
}

ExpressionPtr Parser::subscript(ExpressionPtr of) {
  const int line = now().line;
  if (take_sign(".")) {
    const Token name = next();
    if (name.kind == TokenKind::name) return made(line, Attribute{.of = std::move(of), .name = name.text});
    if (name.kind != TokenKind::literal || !name.value.integer())
      wrong_at(line, "a name or a number is missing behind '.'");
    return made(line, Subscript{.of = std::move(of), .key = made(line, Literal{name.value})});
  }
  need_sign("[");
  std::vector<ExpressionPtr> keys;
  while (!at_sign("]")) {
    if (!keys.empty()) need_sign(",");
    keys.push_back(subscript_key());
  }
  need_sign("]");
  ExpressionPtr key =
      keys.size() == 1 ? std::move(keys[0]) : made(line, RowDisplay{.shape = Shape::tuple, .items = std::move(keys)});
  return made(line, Subscript{.of = std::move(of), .key = std::move(key)});
}

ExpressionPtr Parser::subscript_key() {
  const int line = now().line;
  const auto part = [&]() -> ExpressionPtr {
    return at_sign(":") || at_sign("]") || at_sign(",") ? nullptr : expression();
  };
  ExpressionPtr start = part();
  if (!take_sign(":")) {
    if (start == nullptr) wrong("a subscript is missing");
    return start;
  }
  ExpressionPtr stop = part();
  ExpressionPtr step = take_sign(":") ? part() : nullptr;
  return made(line, SliceKey{.start = std::move(start), .stop = std::move(stop), .step = std::move(step)});
}

CallArguments Parser::arguments() {
  CallArguments made_of;
  need_sign("(");
  const auto ensure = [this](bool right) {
    if (!right) wrong("these arguments do not follow one another");
  };
  for (bool first = true; !at_sign(")"); first = false) {
    if (!first) need_sign(",");
    if (at_sign(")")) break;
    if (take_sign("*")) {
      ensure(made_of.rest == nullptr && made_of.named_rest == nullptr);
      made_of.rest = expression();
    } else if (take_sign("**")) {
      ensure(made_of.named_rest == nullptr);
      made_of.named_rest = expression();
    } else if (now().kind == TokenKind::name && ahead().kind == TokenKind::sign && ahead().text == "=") {
      ensure(made_of.named_rest == nullptr);
      std::string name = next().text;
      next();
      made_of.named.emplace_back(std::move(name), expression());
    } else {
      ensure(made_of.rest == nullptr && made_of.named_rest == nullptr && made_of.named.empty());
      made_of.values.push_back(expression());
    }
  }
  need_sign(")");
  return made_of;
}

std::string Parser::dotted_name() {
  std::string name = need_name();
  while (take_sign(".")) name += "." + need_name();
  return name;
}

ExpressionPtr Parser::filter(ExpressionPtr input) {
  const int line = now().line;
  take_sign("|");
  std::string name = dotted_name();
  if (find_filter(name) == nullptr && !conditional_) wrong_at(line, fmt::format("there is no filter '{}'", name));
  CallArguments given = at_sign("(") ? arguments() : CallArguments{};
  return made(line, FilterCall{.input = std::move(input), .name = std::move(name), .arguments = std::move(given)});
}

ExpressionPtr Parser::filter_chain() {
  ExpressionPtr chain = filter(nullptr);
  for (std::size_t links = 0; at_sign("|"); ++links) {
    if (links == kMostLinks) wrong("too many filters stand in one row");
    chain = filter(std::move(chain));
  }
  return chain;
}

ExpressionPtr Parser::test(ExpressionPtr of) {
  const int line = next().line;
  const bool negated = take_word("not");
  std::string name = dotted_name();
  if (find_test(name) == nullptr && !conditional_) wrong_at(line, fmt::format("there is no test '{}'", name));
  CallArguments given;
  const bool value = now().kind == TokenKind::literal || at_sign("[") || at_sign("{") ||
                     (now().kind == TokenKind::name && !at_word("else") && !at_word("or") && !at_word("and"));
  if (at_sign("(")) {
    given = arguments();
  } else if (value) {
    if (at_word("is")) wrong("tests do not follow one another with 'is'");
    given.values.push_back(postfix(primary()));
  }
  ExpressionPtr call =
      made(line, TestCall{.input = std::move(of), .name = std::move(name), .arguments = std::move(given)});
  return negated ? made(line, Unary{.sign = '!', .operand = std::move(call)}) : std::move(call);
}

}  // namespace plimsoll::jinja
