#include "grammar/tool_grammar.hpp"
#include "base/lower_case.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "grammar/gbnf_text.hpp"
#include "grammar/json_schema.hpp"
#include "grammar/tagged_arguments.hpp"
#include "grammar/tagged_form.hpp"
#include "grammar/tool_opening.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

// Calls are read by programs: a small model that may indent them does little else. An alternative that is empty must be
// the first: behind a | the parser reads on into the next line.
constexpr const char* kSpace = R"(ws ::= | " ")";
constexpr const char* kLine = R"(line ::= | "\n")";  // the tags' own, as models are taught them

std::string in_class(char c) {
  if (std::isalnum(static_cast<unsigned char>(c)) != 0) return {c};
  return fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
}

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
        parallel_(tools.parallel && tools.form != ToolForm::bare),
        not_first_(tools.not_first) {
    for (const Json& tool : tools.tools) add_function(tool["function"]);
    add("choice", fmt::format("{}", fmt::join(choices_, " | ")));
    add("call", tagged_ == nullptr            ? R"("{" ws "\"name\"" ws ":" ws choice)"
                : tagged_->name_begin.empty() ? "choice"
                                              : fmt::format(R"("{}" choice)", tagged_->name_begin));
    lines_.emplace_back(kSpace);
    add_calls();
  }

  ToolGrammarText calls() {
    add("root", head_ + " begun");
    return {.gbnf = text(), .notes = std::move(notes_)};
  }

  ToolGrammarText text_or_calls(const std::string& text_grammar, const std::string& text_root) {
    if (text_grammar.empty()) {
      add_opening();
      add("root", "at0");
    } else {
      lines_.push_back(gbnf_with_prefix(text_grammar, "given-"));
      add("root", fmt::format("{} begun | given-{}", head_, text_root));
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
      SchemaGrammar made = grammar_of(schema);
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
    return tagged_ != nullptr ? grammar_of_tagged_arguments({{"type", "object"}}, *tagged_, budget).gbnf
                              : grammar_of_schema({{"type", "object"}}, budget).gbnf;
  }

  SchemaGrammar grammar_of(const Json& schema) {
    return tagged_ != nullptr ? grammar_of_tagged_arguments(schema, *tagged_, budget_)
                              : grammar_of_schema(schema, budget_);
  }

  void add_function(const Json& function) {
    const std::size_t index = choices_.size();
    const auto name = function["name"].get<std::string>();
    names_.push_back(name);
    lines_.push_back(gbnf_with_prefix(arguments_grammar(function), fmt::format("f{}-", index)));
    if (tagged_ != nullptr) {
      choices_.push_back(fmt::format(R"("{}{}" line f{}-root)", name, tagged_->name_end, index));
      return;
    }
    add(fmt::format("rest{}", index),
        fmt::format(R"(ws "," ws "\"{}\"" ws ":" ws f{}-root ws "}}")", arguments_key(form_), index));
    choices_.push_back(fmt::format(R"("\"{}\"" rest{})", name, index));
  }

  // head_ and the rule "begun": a call's opening, and all that follows it.
  void add_calls() {
    const std::string again = fmt::format("{{0,{}}}", kMostCalls - 1);
    add("next", R"(ws "," ws call)");
    const std::string list = parallel_ ? fmt::format(R"("[" ws call next{} ws "]")", again) : R"("[" ws call ws "]")";
    switch (form_) {
      case ToolForm::hermes:
        add_in_tags(R"(line call line "</tool_call>")", again);
        break;
      case ToolForm::coder:
        add_in_tags(R"(line call "</function>" line "</tool_call>")", again, R"( | "<function=" named)");
        add("closed", R"(| line "</tool_call>")");
        add("named", R"(choice "</function>" closed)");
        add("begun1", parallel_ ? "named again" + again : "named");
        break;
      case ToolForm::glm:
        add_in_tags(R"(call "</tool_call>")", again);
        break;
      case ToolForm::mistral:
        head_ = fmt::format(R"("{}")", kMistralTag);
        add("begun", "ws " + list);
        break;
      case ToolForm::bare:
        head_ = "";
        add("begun", "call");
        break;
      case ToolForm::listed:
        head_ = R"("{" ws "\"tool_calls\"" ws ":")";
        add("begun", "ws " + list + R"( ws "}")");
        break;
    }
  }

  // `tagged`: what follows each call's opening tag. `or_so`: how else a further call may begin.
  void add_in_tags(const std::string& tagged, const std::string& again, const std::string& or_so = "") {
    head_ = fmt::format(R"("{}")", kHermesTag);
    lines_.emplace_back(kLine);
    add("tagged", tagged);
    add("again", fmt::format("line ({} tagged{})", head_, or_so));
    add("begun", parallel_ ? "tagged again" + again : "tagged");
  }

  [[nodiscard]] std::string rule_of(std::size_t state) const {
    if (state == ToolOpening::kPlain) return "plain";
    if (state < ToolOpening::kBegun) return fmt::format("at{}", state);
    const std::size_t which = state - ToolOpening::kBegun;
    if (form_ == ToolForm::bare) return fmt::format("rest{}", which);
    return which == 0 ? "begun" : fmt::format("begun{}", which);
  }

  // Text in which no call begins, and a call where one does.
  void add_opening() {
    const ToolOpening opening = tool_opening(form_, names_);
    for (std::size_t i = 0; i < opening.states.size(); ++i) {
      std::map<std::size_t, std::string> classes;
      std::string all;
      for (const auto& [c, to] : opening.states[i].next) {
        classes[to] += in_class(c);
        all += in_class(c);
      }
      std::string body;
      if (i == 0 && opening.holds_json && !not_first_.empty()) {
        body = fmt::format("| [{}] mark1 ", in_class(not_first_[0]));
        all += in_class(not_first_[0]);
      }
      for (const auto& [to, members] : classes) body += fmt::format("| [{}] {} ", members, rule_of(to));
      add(fmt::format("at{}", i), fmt::format("{}| [^{}] {}", body, all, rule_of(opening.states[i].otherwise)));
    }
    add("plain", R"([^\x00]*)");
    add_marks();
  }

  // Forms that are whole answers are looked for at the text's beginning: text that begins like a thought must not pass
  // for text.
  void add_marks() {
    for (std::size_t i = 1; i < not_first_.size(); ++i) {
      const std::string c = in_class(not_first_[i]);
      const std::string on = i + 1 < not_first_.size() ? fmt::format("[{}] mark{} | ", c, i + 1) : "";
      add(fmt::format("mark{}", i), fmt::format("| {}[^{}] plain", on, c));
    }
  }

  ToolForm form_;
  const TaggedForm* tagged_;  // null: its calls are JSON
  bool parallel_;
  std::string_view not_first_;
  std::vector<std::string> names_;
  std::vector<std::string> choices_;  // what follows a call's "name":
  std::vector<std::string> lines_;
  std::string head_;
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
