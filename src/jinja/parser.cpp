#include "parser.hpp"

#include <algorithm>

namespace plimsoll::jinja {
namespace {

constexpr std::size_t kMostNested = 120;  // a parenthesis is two; where it ends, no stack has

std::string named(const Token& token) {
  switch (token.kind) {
    case TokenKind::name:
    case TokenKind::sign:
      return "'" + token.text + "'";
    case TokenKind::literal:
      return token.value.text() != nullptr ? "a string" : "a number";
    case TokenKind::block_end:
      return "'%}'";
    case TokenKind::print_end:
      return "'}}'";
    default:
      return "the template's end";
  }
}

}  // namespace

Parser::Nesting::Nesting(Parser& parser) : parser_(parser) {
  if (++parser_.depth_ > kMostNested) {
    --parser_.depth_;
    parser_.wrong("the template nests too deep");
  }
}

void Parser::wrong(std::string_view what) const { fail("line {}: {} (before {})", now().line, what, named(now())); }
void Parser::wrong_at(int line, std::string_view what) const { fail("line {}: {}", line, what); }

bool Parser::take_sign(std::string_view text) { return at_sign(text) && (next(), true); }
bool Parser::take_word(std::string_view text) { return at_word(text) && (next(), true); }
void Parser::need_sign(std::string_view text) {
  if (!take_sign(text)) wrong(fmt::format("'{}' is missing", text));
}
std::string Parser::need_name() {
  if (now().kind != TokenKind::name) wrong("a name is missing");
  return next().text;
}
void Parser::need(TokenKind kind, std::string_view what) {
  if (now().kind != kind) wrong(fmt::format("'{}' is missing", what));
  next();
}

NameId Parser::name_id(const std::string& name) {
  const auto [at, fresh] = ids_.try_emplace(name, static_cast<NameId>(names_.size()));
  if (fresh) names_.push_back(name);
  return at->second;
}

Syntax Parser::run() {
  Block whole = block({});
  return {.body = std::move(whole), .names = std::move(names_)};
}

// Statements up to a tag of `ends`, which stays; without ends, up to the template's.
Block Parser::block(std::initializer_list<std::string_view> ends) {
  const Nesting nesting(*this);
  Block out;
  const int begin = now().line;
  while (now().kind != TokenKind::end) {
    if (now().kind == TokenKind::data) {
      const int line = now().line;
      out.push_back({.node = Data{next().text}, .line = line});
    } else if (now().kind == TokenKind::print_begin) {
      const int line = next().line;
      out.push_back({.node = Print{tuple()}, .line = line});
      need(TokenKind::print_end, "}}");
    } else {
      need(TokenKind::block_begin, "{%");
      if (std::ranges::any_of(ends, [this](std::string_view end) { return at_word(end); })) return out;
      if (at_word("print"))
        print_statement(out);
      else
        out.push_back(statement());
      need(TokenKind::block_end, "%}");
    }
  }
  if (ends.size() != 0) wrong_at(begin, fmt::format("'{}' is missing for what begins here", *(ends.end() - 1)));
  return out;
}

Block Parser::body(std::string_view end) {
  need(TokenKind::block_end, "%}");
  Block inner = block({end});
  next();
  return inner;
}

Statement Parser::statement() {
  const std::string tag = now().kind == TokenKind::name ? now().text : "";
  if (tag == "if") return if_statement();
  if (tag == "for") return for_statement();
  if (tag == "set") return set_statement();
  if (tag == "macro") return macro_statement();
  if (tag == "call") return call_statement();
  if (tag == "filter") return filter_statement();
  if (tag == "with") return with_statement();
  if (tag == "block") return block_statement();
  if (tag == "break" || tag == "continue") return jump(tag == "break");
  if (tag == "generation") {
    const int line = next().line;
    const int loops = std::exchange(loops_, 0);
    Block inner = body("endgeneration");
    loops_ = loops;
    return {.node = Scoped{.body = std::move(inner), .from_root = false}, .line = line};
  }
  if (tag == "include" || tag == "import" || tag == "from" || tag == "extends") {
    wrong_at(now().line, fmt::format("'{}' needs a second template, and a model's file has one", tag));
  }
  if (tag.empty()) wrong("a tag's name is missing");
  wrong_at(now().line, fmt::format("there is no tag '{}' here", tag));
}

Statement Parser::if_statement() {
  const int line = now().line;
  const bool outer = std::exchange(conditional_, true);
  If whole;
  do {
    next();
    ExpressionPtr condition = tuple(false);
    need(TokenKind::block_end, "%}");
    whole.branches.emplace_back(std::move(condition), block({"elif", "else", "endif"}));
  } while (at_word("elif"));
  if (take_word("else")) {
    whole.otherwise = body("endif");
  } else {
    next();
  }
  conditional_ = outer;
  return {.node = std::move(whole), .line = line};
}

Statement Parser::for_statement() {
  const int line = next().line;
  const bool outer = std::exchange(conditional_, false);
  Target each = target(false, "in");
  if (!take_word("in")) wrong("'in' is missing");
  ExpressionPtr items = tuple(false, false, "recursive");
  ExpressionPtr condition = take_word("if") ? expression() : nullptr;
  const bool recursive = take_word("recursive");
  need(TokenKind::block_end, "%}");
  (void)name_id("loop");
  ++loops_;
  Block inner = block({"else", "endfor"});
  --loops_;
  Block otherwise;
  if (take_word("else"))
    otherwise = body("endfor");
  else
    next();
  conditional_ = outer;
  return {.node = For{std::move(each), std::move(items), std::move(condition), std::move(inner), std::move(otherwise),
                      recursive},
          .line = line};
}

Statement Parser::jump(bool leaves) {
  if (loops_ == 0) wrong_at(now().line, "'break' and 'continue' belong into a loop");
  return {.node = Jump{leaves}, .line = next().line};
}

Target Parser::target_part() {
  if (now().kind == TokenKind::sign) {
    if (!take_sign("(") && !take_sign("[")) wrong("a name is missing");
    Target inner = target();
    if (!take_sign(")")) need_sign("]");
    return inner;
  }
  std::string name = need_name();
  for (const std::string_view word : {"true", "false", "none", "True", "False", "None"}) {
    if (name == word) wrong(fmt::format("'{}' cannot be assigned to", name));
  }
  Target part{.name = name_id(name)};
  if (take_sign(".")) part.attribute = need_name();
  return part;
}

// Names that a comma separates; `one` for a single one.
Target Parser::target(bool one, std::string_view ends_before) {
  const Nesting nesting(*this);
  Target first = target_part();
  if (one || !at_sign(",")) return first;
  Target several;
  several.parts.push_back(std::move(first));
  while (take_sign(",")) {
    if (at_sign("=") || at_sign(")") || at_sign("]") || (!ends_before.empty() && at_word(ends_before))) break;
    several.parts.push_back(target_part());
  }
  return several;
}

Statement Parser::set_statement() {
  const int line = next().line;
  Target to = target();
  if (take_sign("=")) return {.node = Assign{.target = std::move(to), .value = tuple()}, .line = line};
  ExpressionPtr chain = at_sign("|") ? filter_chain() : nullptr;
  return {.node = AssignBlock{.target = std::move(to), .filter = std::move(chain), .body = body("endset")},
          .line = line};
}

std::vector<Parameter> Parser::parameters() {
  std::vector<Parameter> list;
  need_sign("(");
  while (!at_sign(")")) {
    if (!list.empty()) need_sign(",");
    std::string name = need_name();
    const NameId id = name_id(name);
    ExpressionPtr fallback = take_sign("=") ? expression() : nullptr;
    if (fallback == nullptr && !list.empty() && list.back().fallback != nullptr)
      wrong("this parameter needs a default");
    list.push_back({.id = id, .name = std::move(name), .fallback = std::move(fallback)});
  }
  need_sign(")");
  return list;
}

std::shared_ptr<MacroBody> Parser::macro_body(std::string name, std::vector<Parameter> list, std::string_view end) {
  auto macro = std::make_shared<MacroBody>();
  macro->name = std::move(name);
  macro->parameters = std::move(list);
  const int loops = std::exchange(loops_, 0);
  const bool outer = std::exchange(conditional_, false);
  const bool varargs = std::exchange(varargs_, false), kwargs = std::exchange(kwargs_, false),
             caller = std::exchange(caller_, false);
  macro->body = body(end);
  macro->uses_varargs = std::exchange(varargs_, varargs || varargs_);
  macro->uses_kwargs = std::exchange(kwargs_, kwargs || kwargs_);
  macro->uses_caller = std::exchange(caller_, caller || caller_);
  loops_ = loops;
  conditional_ = outer;
  for (const std::string special : {"varargs", "kwargs", "caller"}) (void)name_id(special);
  return macro;
}

Statement Parser::macro_statement() {
  const int line = next().line;
  const std::string name = need_name();
  const NameId id = name_id(name);
  std::vector<Parameter> list = parameters();
  return {.node = Macro{.name = id, .macro = macro_body(name, std::move(list), "endmacro")}, .line = line};
}

Statement Parser::call_statement() {
  const int line = next().line;
  std::vector<Parameter> list = at_sign("(") ? parameters() : std::vector<Parameter>{};
  ExpressionPtr call = expression();
  if (!std::holds_alternative<Call>(call->node)) wrong_at(line, "'call' needs a call of a macro");
  return {.node = CallBlock{.call = std::move(call), .caller = macro_body("caller", std::move(list), "endcall")},
          .line = line};
}

Statement Parser::filter_statement() {
  const int line = next().line;
  ExpressionPtr chain = filter_chain();
  return {.node = FilterBlock{.filter = std::move(chain), .body = body("endfilter")}, .line = line};
}

Statement Parser::with_statement() {
  const int line = next().line;
  With whole;
  while (now().kind != TokenKind::block_end) {
    if (!whole.values.empty()) need_sign(",");
    Target to = target();
    need_sign("=");
    whole.values.emplace_back(std::move(to), expression());
  }
  whole.body = body("endwith");
  return {.node = std::move(whole), .line = line};
}

Statement Parser::block_statement() {
  const int line = next().line;
  const std::string name = need_name();
  const bool scoped = take_word("scoped");
  take_word("required");
  const int loops = std::exchange(loops_, 0);
  Block inner = body("endblock");
  loops_ = loops;
  take_word(name);
  return {.node = Scoped{.body = std::move(inner), .from_root = !scoped}, .line = line};
}

void Parser::print_statement(Block& out) {
  const int line = next().line;
  while (now().kind != TokenKind::block_end) {
    if (!out.empty() && at_sign(",")) next();
    out.push_back({.node = Print{expression()}, .line = line});
  }
}

Syntax parse(std::string_view source) { return Parser(tokenize(source)).run(); }

}  // namespace plimsoll::jinja
