#include "api/tool_calls.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "api/problem.hpp"
#include "api/unknown_fields.hpp"
#include "grammar/tool_grammar.hpp"

namespace plimsoll::api {
namespace {

constexpr std::size_t kLongestName = 128;

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && std::ranges::all_of(name, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
  });
}

}  // namespace

void check_tools(ChatPrompt& chat) {
  if (chat.tools.size() > kMostTools)
    throw bad_request(fmt::format("'tools' may hold {} functions at most", kMostTools)).at("tools");
  std::set<std::string> names;
  Json callable = Json::array();
  for (std::size_t i = 0; i < chat.tools.size(); ++i) {
    const auto name = chat.tools[i]["function"]["name"].get<std::string>();
    const std::string path = fmt::format("tools[{}].name={}", i, name);
    if (!is_name(name))
      UnknownFields::met(path,
                         fmt::format("names of functions are 1 to {} letters, digits, '_', '-' and '.'", kLongestName));
    else if (!names.insert(name).second)
      UnknownFields::met(path, "there is another function of this name");
    else
      callable.push_back(std::move(chat.tools[i]));
  }
  chat.tools = callable.empty() ? Json(nullptr) : std::move(callable);
  std::vector<std::string>& allowed = chat.tool_choice.allowed;
  if (!allowed.empty()) {
    const std::string first = allowed.front();
    std::erase_if(allowed, [&](const std::string& name) { return !names.contains(name); });
    std::ranges::sort(allowed);
    allowed.erase(std::ranges::unique(allowed).begin(), allowed.end());
    if (allowed.empty())
      throw bad_request(fmt::format("there is no function '{}' among the tools", first)).at("tool_choice");
  }
  if (chat.tool_choice.kind != ToolChoice::Kind::required) return;
  if (names.empty()) throw bad_request("'tool_choice' wants a call, and there are no functions").at("tool_choice");
  if (!chat.tool_choice.name.empty() && !names.contains(chat.tool_choice.name))
    throw bad_request(fmt::format("there is no function '{}' among the tools", chat.tool_choice.name))
        .at("tool_choice");
}

Json callable_tools(const ChatPrompt& chat) {
  Json callable = Json::array();
  const auto& [kind, only, allowed] = chat.tool_choice;
  for (const Json& tool : chat.tools) {
    const auto name = tool["function"]["name"].get<std::string>();
    if ((only.empty() || name == only) && (allowed.empty() || std::ranges::contains(allowed, name)))
      callable.push_back(tool);
  }
  return callable;
}

std::vector<grammar::SchemaNote> hold_to_tools(engine::SamplingParams& sampling, const ChatPrompt& chat,
                                               grammar::ToolForm form, std::string_view mark) {
  if (chat.tools.empty() || chat.tool_choice.kind == ToolChoice::Kind::none) return {};
  const Json callable = callable_tools(chat);
  const grammar::CallableTools tools{
      .tools = callable, .form = form, .parallel = chat.parallel_tool_calls, .not_first = mark};
  grammar::ToolGrammarText made =
      chat.tool_choice.kind == ToolChoice::Kind::required
          ? grammar::grammar_of_calls(tools)
          : grammar::grammar_of_text_or_calls(tools, sampling.grammar, sampling.grammar_root);
  sampling.grammar = std::move(made.gbnf);
  sampling.grammar_root = "root";
  sampling.grammar_trigger_patterns.clear();
  sampling.grammar_trigger_tokens.clear();
  return std::move(made.notes);
}

}  // namespace plimsoll::api
