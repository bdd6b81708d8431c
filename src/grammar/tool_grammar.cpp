#include "grammar/tool_grammar.hpp"
#include "base/lower_case.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>

#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "grammar/gbnf_text.hpp"
#include "grammar/json_schema.hpp"
#include "grammar/literal_arguments.hpp"
#include "grammar/marked_form.hpp"
#include "grammar/tagged_arguments.hpp"
#include "grammar/tagged_form.hpp"
#include "grammar/tool_opening.hpp"

#include "gbnf_rules.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

// Calls are read by programs: a small model that may indent them does little else. An alternative that is empty must be
// the first: behind a | the parser reads on into the next line.
constexpr const char* kSpace = R"(ws ::= | " ")";
constexpr const char* kLine = R"(line ::= | "\n")";  // the tags' own, as models are taught them

// Of all functions together.
constexpr std::size_t kMostExpressions = 100'000;
constexpr std::size_t kMostValues = 4'000'000;
constexpr std::size_t kLargest = std::size_t{16} << 20U;

bool is_schema_of_an_object(const Json& schema) {
  if (!schema.is_object()) return schema == true;
  const auto type = schema.find("type");
  if (type == schema.end()) return true;
  const auto is_object = [](const Json& one) {
    return one.is_string() && lower_case(one.get<std::string>()) == "object";
  };
  return type->is_array() ? std::ranges::any_of(*type, is_object) : is_object(*type);
}

// Rules of ours are of two letters or more with a number behind, those of a tool have "f0-" before them.
class ToolGrammar {
 public:
  explicit ToolGrammar(const CallableTools& tools)
      : form_(tools.form),
        tagged_(tagged_form(tools.form)),
        marked_(marked_form(tools.form)),
        parallel_(tools.parallel && tools.form != ToolForm::bare && (marked_ == nullptr || !marked_->is_single)),
        not_first_(tools.not_first) {
    for (const Json& tool : tools.tools) add_function(tool["function"]);
    add("choice", fmt::format("{}", fmt::join(choices_, " | ")));
    add("call", call());
    lines_.emplace_back(kSpace);
    lines_.emplace_back(kLine);
    if (marked_ != nullptr)
      add_marked_calls();
    else if (tagged_ != nullptr)
      add_tagged_calls();
    else
      add_calls();
  }

  ToolGrammarText calls() {
    add("root", calls_);
    return {.gbnf = text(), .notes = std::move(notes_)};
  }

  ToolGrammarText text_or_calls(const std::string& text_grammar, const std::string& text_root) {
    if (text_grammar.empty()) {
      add("root", fmt::format("at{}", add_opening()));
    } else {
      lines_.push_back(gbnf_with_prefix(text_grammar, "given-"));
      const std::string begin =
          marked_ == nullptr || marked_->text_begin.empty() ? "" : gbnf_literal(marked_->text_begin) + " ";
      add("root", fmt::format("{} | {}given-{}", calls_, begin, text_root));
    }
    return {.gbnf = text(), .notes = std::move(notes_)};
  }

 private:
  void add(const std::string& name, const std::string& body) { lines_.push_back(name + " ::= " + body); }
  [[nodiscard]] std::string text() const { return fmt::format("{}\n", fmt::join(lines_, "\n")); }

  std::string arguments_grammar(const Json& function) {
    const auto name = function["name"].get<std::string>();
    const auto loosen = [&](const std::string& why) {
      notes_.push_back(
          {.kind = SchemaNote::Kind::loosened, .pointer = name + "#", .keyword = "parameters", .why = why});
    };
    const Json schema = schema_of_arguments(function);
    if (!is_schema_of_an_object(function["parameters"])) loosen("the parameters are not a schema of an object");
    try {
      SchemaGrammar made = grammar_of(schema, budget_);
      if (size_ += made.gbnf.size(); size_ <= kLargest) {
        for (SchemaNote& note : made.notes) {
          note.pointer = name + note.pointer;
          notes_.push_back(std::move(note));
        }
        return std::move(made.gbnf);
      }
      loosen("all functions together come to too large a grammar");
    } catch (const Error& error) {
      loosen(error.what());
    }
    SchemaBudget budget;
    return grammar_of({{"type", "object"}}, budget).gbnf;
  }

  [[nodiscard]] bool has_literals() const { return marked_ != nullptr && marked_->values != MarkedForm::Values::json; }

  [[nodiscard]] SchemaGrammar grammar_of(const Json& schema, SchemaBudget& budget) const {
    if (tagged_ != nullptr) return grammar_of_tagged_arguments(schema, *tagged_, budget);
    return has_literals() ? grammar_of_literal_arguments(schema, marked_->values, budget)
                          : grammar_of_schema(schema, budget);
  }

  void add_function(const Json& function) {
    const std::size_t index = choices_.size();
    const auto name = function["name"].get<std::string>();
    names_.push_back(name);
    lines_.push_back(gbnf_with_prefix(arguments_grammar(function), fmt::format("f{}-", index)));
    if (tagged_ != nullptr) {
      choices_.push_back(fmt::format("{} line f{}-root", gbnf_literal(name + std::string(tagged_->name_end)), index));
      return;
    }
    if (has_literals()) {
      const bool python = marked_->values == MarkedForm::Values::python;
      choices_.push_back(fmt::format("{} f{}-root {}", gbnf_literal(name + (python ? "(" : "{")), index,
                                     gbnf_literal(python ? ")" : "}")));
      return;
    }
    if (marked_ != nullptr && marked_->inside == MarkedForm::Inside::arguments) {
      choices_.push_back(
          fmt::format(R"("{}" {} {} ws f{}-root)", name, marked_->follows, gbnf_literal(marked_->between), index));
      return;
    }
    const std::string_view key = marked_ != nullptr        ? marked_->arguments_key
                                 : form_ == ToolForm::bare ? "parameters"
                                                           : "arguments";
    add(fmt::format("rest{}", index), fmt::format(R"(ws "," ws "\"{}\"" ws ":" ws f{}-root ws "}}")", key, index));
    choices_.push_back(fmt::format(R"("\"{}\"" rest{})", name, index));
  }

  // From where a call is told from text on: behind its mark, where it has one.
  [[nodiscard]] std::string call() const {
    if (tagged_ != nullptr)
      return tagged_->name_begin.empty() ? "choice" : gbnf_literal(tagged_->name_begin) + " choice";
    if (marked_ == nullptr) return R"("{" ws "\"name\"" ws ":" ws choice)";
    if (marked_->inside == MarkedForm::Inside::arguments || has_literals()) return "choice";
    return fmt::format(R"("{{" ws {} "\"{}\"" ws ":" ws choice)", marked_->first, marked_->name_key);
  }

  [[nodiscard]] std::string list_of_calls() {
    add("next", R"(ws "," ws call)");
    return parallel_ ? fmt::format(R"("[" ws call next{} ws "]")", again_) : R"("[" ws call ws "]")";
  }

  // calls_, and what follows each opening, from the rule "begun" on.
  void add_calls() {
    if (form_ == ToolForm::bare) {
      calls_ = "call";
      return;
    }
    calls_ = R"("{" ws "\"tool_calls\"" ws ":" begun)";
    add("begun", "ws " + list_of_calls() + R"( ws "}")");
  }

  void add_tagged_calls() {
    const std::string begin = gbnf_literal(tagged_->begin);
    const std::string end = gbnf_literal(tagged_->end);
    const std::string close = tagged_->close.empty() ? "" : "line " + gbnf_literal(tagged_->close);
    const std::string more = parallel_ ? " again" + again_ : "";
    calls_ = begin + " begun";
    if (tagged_->name_begin.empty()) {
      add("tagged", "call " + end);
      add("again", fmt::format("line {} tagged", begin));
      add("begun", "tagged" + more);
      return;
    }
    add("closed", "| " + close);
    if (tagged_->has_several) {
      add("again", "line call " + end);
      add("begun", fmt::format("again{} {}", more, close));
      add("begun1", fmt::format("choice {}{} closed", end, more));
      return;
    }
    add("tagged", fmt::format("line call {} {}", end, close));
    add("named", fmt::format("choice {} closed", end));
    add("again", fmt::format("line ({} tagged | {} named)", begin, gbnf_literal(tagged_->name_begin)));
    add("begun", "tagged" + more);
    add("begun1", "named" + more);
  }

  // What follows a call's mark.
  [[nodiscard]] std::string marked_call() {
    const std::string end = marked_->end.empty()  ? ""
                            : marked_->ends_there ? fmt::format(" ({})?", gbnf_literal(marked_->end))
                                                  : " line " + gbnf_literal(marked_->end);
    switch (marked_->inside) {
      case MarkedForm::Inside::arguments:
        return "call" + end;
      case MarkedForm::Inside::call:
        return "line call" + end;
      case MarkedForm::Inside::calls:
        break;
    }
    return "ws " + list_of_calls() + end;
  }

  void add_marked_calls() {
    add("marked", marked_call());
    const std::string section_end = marked_->section_end.empty() ? "" : " line " + gbnf_literal(marked_->section_end);
    const bool several = parallel_ && marked_->inside != MarkedForm::Inside::calls;
    add("again", fmt::format("line {} marked", gbnf_literal(marked_->begin)));
    add("begun", fmt::format("marked{}{}", several ? " again" + again_ : "", section_end));
    const std::vector<std::string_view> openings = marked_->openings();
    std::vector<std::string> all;
    for (std::size_t i = 0; i < openings.size(); ++i) {
      std::string_view mark = openings[i];
      if (!marked_->seen.empty() && mark.starts_with(marked_->seen)) mark.remove_prefix(marked_->seen.size());
      all.push_back(fmt::format("{} begun{}", gbnf_literal(mark), i));
      const bool is_section = i == 0 && !marked_->section.empty();
      add(fmt::format("begun{}", i), is_section ? fmt::format("line {} begun", gbnf_literal(marked_->begin)) : "begun");
    }
    calls_ = fmt::format("{}", fmt::join(all, " | "));
  }

  [[nodiscard]] std::string rule_of(std::size_t state) const {
    if (state == ToolOpening::kPlain) return "plain";
    if (state < ToolOpening::kBegun) return fmt::format("at{}", state);
    const std::size_t which = state - ToolOpening::kBegun;
    if (form_ == ToolForm::bare) return fmt::format("rest{}", which);
    return which == 0 && marked_ == nullptr ? "begun" : fmt::format("begun{}", which);
  }

  // Text in which no call begins, and a call where one does. Gives the state that a text begins in.
  std::size_t add_opening() {
    const WrittenOpening opening = written_opening(form_, names_);
    for (std::size_t i = 0; i < opening.states.size(); ++i) {
      std::map<std::size_t, std::string> classes;
      std::string all;
      for (const auto& [c, to] : opening.states[i].next) {
        classes[to] += gbnf_class_member(c);
        all += gbnf_class_member(c);
      }
      std::string body;
      if (i == 0 && opening.holds_json && !not_first_.empty()) {
        const std::string first = gbnf_class_member(static_cast<unsigned char>(not_first_[0]));
        body = fmt::format("| [{}] mark1 ", first);
        all += first;
      }
      for (const auto& [to, members] : classes) body += fmt::format("| [{}] {} ", members, rule_of(to));
      add(fmt::format("at{}", i), fmt::format("{}| [^{}] {}", body, all, rule_of(opening.states[i].otherwise)));
    }
    add("plain", R"([^\x00]*)");
    add_marks();
    return opening.first;
  }

  // Forms that are whole answers are looked for at the text's beginning: text that begins like a thought must not pass
  // for text.
  void add_marks() {
    for (std::size_t i = 1; i < not_first_.size(); ++i) {
      const std::string c = gbnf_class_member(static_cast<unsigned char>(not_first_[i]));
      const std::string on = i + 1 < not_first_.size() ? fmt::format("[{}] mark{} | ", c, i + 1) : "";
      add(fmt::format("mark{}", i), fmt::format("| {}[^{}] plain", on, c));
    }
  }

  ToolForm form_;
  const TaggedForm* tagged_;  // null: its calls are JSON
  const MarkedForm* marked_;  // null: they do not stand between marks, or not as JSON
  bool parallel_;
  std::string_view not_first_;
  const std::string again_ = fmt::format("{{0,{}}}", kMostCalls - 1);  // calls behind the first one
  std::vector<std::string> names_;
  std::vector<std::string> choices_;  // from a call's name on, or from what follows "name":
  std::vector<std::string> lines_;
  std::string calls_;  // nothing but calls
  SchemaBudget budget_{kMostExpressions, kMostValues};
  std::size_t size_ = 0;  // of all grammars
  std::vector<SchemaNote> notes_;
};

}  // namespace

ToolGrammarText grammar_of_calls(const CallableTools& tools) { return ToolGrammar(tools).calls(); }

ToolGrammarText grammar_of_text_or_calls(const CallableTools& tools, const std::string& text_grammar,
                                         const std::string& text_root) {
  return ToolGrammar(tools).text_or_calls(text_grammar, text_root);
}

Json schema_of_arguments(const Json& function) {
  Json schema = function["parameters"];
  if (!schema.is_object()) return {{"type", "object"}};
  static constexpr std::array kSayWhat{"$ref", "allOf", "anyOf", "oneOf", "const", "enum"};
  const bool says_what = std::ranges::any_of(kSayWhat, [&](const char* key) { return schema.contains(key); });
  if (schema.contains("type") || !says_what) schema["type"] = "object";
  return schema;
}

}  // namespace plimsoll::grammar
