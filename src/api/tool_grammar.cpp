// The grammar of tool calls.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include <plimsoll/api/tool_calls.hpp>
#include <plimsoll/base/error.hpp>
#include <plimsoll/engine/json_schema.hpp>

#include "gbnf_prefix.hpp"
#include "tool_opening.hpp"

namespace plimsoll::api {
namespace {

// Calls are read by programs: a small model that may indent them does little else. An alternative that is empty must be
// the first: behind a | the parser reads on into the next line.
constexpr const char* kSpace = R"(ws ::= | " ")";
constexpr const char* kLine = R"(line ::= | "\n")";  // the tags' own, as models are taught them

std::string in_class(char c) {
  if (std::isalnum(static_cast<unsigned char>(c)) != 0) return {c};
  return fmt::format("\\x{:02X}", static_cast<unsigned char>(c));
}

// Rules of ours are of two letters or more with a number behind, those of a tool have "f0-" before them.
class ToolGrammar {
 public:
  ToolGrammar(const ChatPrompt& chat, ToolForm form)
      : form_(form), parallel_(chat.parallel_tool_calls && form != ToolForm::bare) {
    for (const Json& tool : chat.tools) {
      const Json& function = tool["function"];
      if (chat.tool_choice.name.empty() || function["name"] == chat.tool_choice.name) add_function(function);
    }
    add("call", fmt::format(R"("{{" ws "\"name\"" ws ":" ws ({}))", fmt::join(choices_, " | ")));
    lines_.emplace_back(kSpace);
    add_calls();
  }

  std::string required() {
    add("root", head_ + " begun");
    return text();
  }

  // `otherwise`: what answers without calls follow; empty: any text.
  std::string automatic(const std::string& otherwise, const std::string& root) {
    if (otherwise.empty()) {
      add_opening();
      add("root", "at0");
    } else {
      lines_.push_back(gbnf_with_prefix(otherwise, "given-"));
      add("root", fmt::format("{} begun | given-{}", head_, root));
    }
    return text();
  }

 private:
  void add(const std::string& name, const std::string& body) { lines_.push_back(name + " ::= " + body); }
  [[nodiscard]] std::string text() const { return fmt::format("{}\n", fmt::join(lines_, "\n")); }

  static std::string arguments_grammar(const Json& function) {
    Json schema = function["parameters"];
    static constexpr std::array kSayWhat{"type", "$ref", "allOf", "anyOf", "oneOf", "const", "enum"};
    const bool says_what = std::ranges::any_of(kSayWhat, [&](const char* key) { return schema.contains(key); });
    if (!says_what) schema["type"] = "object";
    try {
      return engine::grammar_from_json_schema(schema);
    } catch (const Error&) {
      return engine::grammar_from_json_schema({{"type", "object"}});
    }
  }

  void add_function(const Json& function) {
    const std::size_t index = choices_.size();
    const auto name = function["name"].get<std::string>();
    names_.push_back(name);
    lines_.push_back(gbnf_with_prefix(arguments_grammar(function), fmt::format("f{}-", index)));
    add(fmt::format("rest{}", index),
        fmt::format(R"(ws "," ws "\"{}\"" ws ":" ws f{}-root ws "}}")", arguments_key(form_), index));
    choices_.push_back(fmt::format(R"("\"{}\"" rest{})", name, index));
  }

  // head_ and the rule "begun": a call's opening, and all that follows it.
  void add_calls() {
    const std::string list = parallel_ ? R"("[" ws call (ws "," ws call)* ws "]")" : R"("[" ws call ws "]")";
    switch (form_) {
      case ToolForm::hermes:
        head_ = fmt::format(R"("{}")", kHermesTag);
        lines_.emplace_back(kLine);
        add("tagged", fmt::format(R"(line call line "{}")", kHermesEnd));
        add("begun", parallel_ ? fmt::format("tagged (line {} tagged)*", head_) : "tagged");
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

  [[nodiscard]] std::string rule_of(std::size_t state) const {
    if (state == ToolOpening::kPlain) return "plain";
    if (state < ToolOpening::kBegun) return fmt::format("at{}", state);
    return form_ == ToolForm::bare ? fmt::format("rest{}", state - ToolOpening::kBegun) : "begun";
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
      for (const auto& [to, members] : classes) body += fmt::format("| [{}] {} ", members, rule_of(to));
      add(fmt::format("at{}", i), fmt::format("{}| [^{}] {}", body, all, rule_of(opening.states[i].otherwise)));
    }
    add("plain", R"([^\x00]*)");
  }

  ToolForm form_;
  bool parallel_;
  std::vector<std::string> names_;
  std::vector<std::string> choices_;  // what follows a call's "name":
  std::vector<std::string> lines_;
  std::string head_;
};

}  // namespace

void hold_to_tools(engine::SamplingParams& sampling, const ChatPrompt& chat, ToolForm form) {
  if (chat.tools.empty() || chat.tool_choice.kind == ToolChoice::Kind::none) return;
  ToolGrammar grammar(chat, form);
  sampling.grammar = chat.tool_choice.kind == ToolChoice::Kind::required
                         ? grammar.required()
                         : grammar.automatic(sampling.grammar, sampling.grammar_root);
  sampling.grammar_root = "root";
  sampling.grammar_trigger_patterns.clear();
  sampling.grammar_trigger_tokens.clear();
}

}  // namespace plimsoll::api
