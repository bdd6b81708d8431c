// The parser: Jinja2's grammar, by recursive descent.
#pragma once
#include <initializer_list>
#include <string_view>
#include <unordered_map>

#include "syntax.hpp"
#include "token.hpp"

namespace plimsoll::jinja {

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  Syntax run();

 private:
  class Nesting;  // one level deeper; too many are refused

  // Tokens.
  [[nodiscard]] const Token& now() const { return tokens_[at_]; }
  [[nodiscard]] const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  [[nodiscard]] bool at(TokenKind kind, std::string_view text) const {
    return now().kind == kind && now().text == text;
  }
  [[nodiscard]] bool at_sign(std::string_view text) const { return at(TokenKind::sign, text); }
  [[nodiscard]] bool at_word(std::string_view text) const { return at(TokenKind::name, text); }
  Token next() { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_[at_]; }
  bool take_sign(std::string_view text);
  bool take_word(std::string_view text);
  void need_sign(std::string_view text);
  std::string need_name();
  void need(TokenKind kind, std::string_view what);
  [[noreturn]] void wrong(std::string_view what) const;
  [[noreturn]] void wrong_at(int line, std::string_view what) const;
  NameId name_id(const std::string& name);

  // Expressions, each binding tighter than the one before.
  ExpressionPtr expression(bool with_condition = true);
  ExpressionPtr disjunction();
  ExpressionPtr conjunction();
  ExpressionPtr negation();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary(bool with_filters = true);
  ExpressionPtr postfix(ExpressionPtr of);
  ExpressionPtr filters_and_tests(ExpressionPtr of);
  ExpressionPtr primary();
  ExpressionPtr tuple(bool with_condition = true, bool in_parentheses = false, std::string_view ends_before = "");
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr subscript(ExpressionPtr of);
  ExpressionPtr subscript_key();
  ExpressionPtr test(ExpressionPtr of);
  ExpressionPtr filter(ExpressionPtr input);
  ExpressionPtr filter_chain();  // of a block: its innermost filter has no input
  CallArguments arguments();
  template <class Node>
  ExpressionPtr made(int line, Node node);
  template <class Row>
  ExpressionPtr left_to_right(Row row, ExpressionPtr (Parser::*inner)());
  std::string dotted_name();

  // Statements.
  Block block(std::initializer_list<std::string_view> ends);
  Block body(std::string_view end);  // up to this tag, which is taken
  Statement statement();
  Statement if_statement();
  Statement for_statement();
  Statement set_statement();
  Statement macro_statement();
  Statement call_statement();
  Statement filter_statement();
  Statement with_statement();
  Statement block_statement();
  Statement jump(bool leaves);
  void print_statement(Block& out);
  std::vector<Parameter> parameters();
  std::shared_ptr<MacroBody> macro_body(std::string name, std::vector<Parameter> parameters, std::string_view end);
  Target target(bool one = false, std::string_view ends_before = "");
  Target target_part();

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  int loops_ = 0;                                           // loops around this place, within the macro
  bool varargs_ = false, kwargs_ = false, caller_ = false;  // names that the macro at work uses
  bool conditional_ = false;  // an unknown filter here fails where it is reached, as in Jinja2
  std::vector<std::string> names_;
  std::unordered_map<std::string, NameId> ids_;
};

class Parser::Nesting {
 public:
  explicit Nesting(Parser& parser);
  ~Nesting() { --parser_.depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  Parser& parser_;
};

template <class Node>
ExpressionPtr Parser::made(int line, Node node) {
  return std::make_unique<const Expression>(std::move(node), line);
}

}  // namespace plimsoll::jinja
