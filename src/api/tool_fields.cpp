#include "tool_fields.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/tool_calls.hpp"
#include "api/unknown_fields.hpp"

namespace plimsoll::api {
namespace {

constexpr const char* kNotRunHere = "other tools than functions are not run here";

Json read_function(Fields& function) {
  Json entry{{"name", function.need_text("name")}};
  if (const auto description = function.text("description")) entry["description"] = *description;
  const Json* parameters = function.find("parameters");
  entry["parameters"] = parameters != nullptr ? *parameters : Json{{"type", "object"}, {"properties", Json::object()}};
  function.ignore({"strict", "type", "function"});  // a grammar holds calls to their parameters anyway
  function.pass_over_unknown();
  return {{"type", "function"}, {"function", std::move(entry)}};
}

const Json& list_at(const Json& list, const std::string& path) {
  if (!list.is_array()) throw bad_request(fmt::format("'{}' must be a list", path)).at(path);
  return list;
}

const Json& none() {
  static const Json kNone = Json::array();
  return kNone;
}

bool is_function(Fields& tool, const std::string& path) {
  const std::string type = tool.need_text("type");
  if (type != "function") UnknownFields::met(fmt::format("{}.type={}", path, type), kNotRunHere);
  return type == "function";
}

void read_namespace(Fields& space, Json& out) {
  const std::string name = space.need_text("name");
  const std::string path = space.path_of("tools");
  const Json* declared = space.find("tools");
  const Json& tools = declared != nullptr ? list_at(*declared, path) : none();
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    Fields tool(tools[i], at);
    if (!is_function(tool, at)) continue;
    Json function = read_function(tool);
    Json& own = function["function"]["name"];
    own = name_in_namespace(name, own.get<std::string>());
    out.push_back(std::move(function));
  }
  space.ignore({"description"});
  space.pass_over_unknown();
}

// OpenAI's: some of the tools, so that the prompt can stay as it is.
ToolChoice read_allowed(Fields& fields) {
  ToolChoice choice = read_tool_choice(fields.text("mode").value_or("auto"), fields.path_of("mode"));
  const std::string path = fields.path_of("tools");
  const Json& tools = list_at(fields.need("tools"), path);
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    Fields tool(tools[i], at);
    if (!is_function(tool, at)) continue;
    const Json* nested = tool.find("function");  // in chats
    choice.allowed.push_back(nested != nullptr ? Fields(*nested, tool.path_of("function")).need_text("name")
                                               : tool.need_text("name"));
  }
  if (choice.allowed.empty()) choice.kind = ToolChoice::Kind::none;  // none of those that are run here
  return choice;
}

}  // namespace

std::string name_in_namespace(const std::string& space, const std::string& name) {
  return space + (space.ends_with('_') ? "" : "__") + name;
}

Json read_tools(const Json& tools, const std::string& path) {
  Json out = Json::array();
  for (std::size_t i = 0; i < list_at(tools, path).size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    Fields tool(tools[i], at);
    if (tool.need_text("type") == "namespace") {
      read_namespace(tool, out);
      continue;
    }
    if (!is_function(tool, at)) continue;
    const Json* nested = tool.find("function");
    if (nested == nullptr) {
      out.push_back(read_function(tool));
      continue;
    }
    Fields function(*nested, tool.path_of("function"));
    out.push_back(read_function(function));
    tool.ignore({"strict"});
    tool.pass_over_unknown();
  }
  return out.empty() ? Json(nullptr) : out;
}

ToolChoice read_tool_choice(const Json& choice, const std::string& path) {
  using Kind = ToolChoice::Kind;
  if (choice == "auto") return {.kind = Kind::automatic};
  if (choice == "none") return {.kind = Kind::none};
  if (choice == "required" || choice == "any") return {.kind = Kind::required};  // Mistral's word
  if (choice.is_string())
    throw bad_request(fmt::format("'{}' must be 'auto', 'none', 'required' or a function", path)).at(path);
  Fields fields(choice, path);
  const std::string type = fields.need_text("type");
  // Words in Anthropic's shape.
  if (type == "tool") return {.kind = Kind::required, .name = fields.need_text("name")};
  if (type == "auto" || type == "none" || type == "required" || type == "any") return read_tool_choice(type, path);
  if (type == "allowed_tools") {
    const Json* nested = fields.find("allowed_tools");  // in chats
    if (nested == nullptr) return read_allowed(fields);
    Fields inner(*nested, fields.path_of("allowed_tools"));
    return read_allowed(inner);
  }
  if (type != "function") {
    UnknownFields::met(fmt::format("{}.type={}", path, type), kNotRunHere);
    return {};
  }
  if (const Json* nested = fields.find("function")) {
    Fields inner(*nested, fields.path_of("function"));
    return {.kind = Kind::required, .name = inner.need_text("name")};
  }
  return {.kind = Kind::required, .name = fields.need_text("name")};
}

void pass_over_choice_of_others(Fields& fields, ChatPrompt& chat) {
  const Json* declared = fields.find("tools");
  ToolChoice& choice = chat.tool_choice;
  if (choice.kind != ToolChoice::Kind::required || declared == nullptr) return;
  const auto is_ours = [&](const Json& tool) { return tool["function"]["name"] == choice.name; };
  const auto is_declared = [&](const Json& tool) {
    return tool.is_object() && tool.value("name", Json()) == choice.name;
  };
  const bool for_others =
      choice.name.empty() ? chat.tools.empty() && !declared->empty()
                          : std::ranges::none_of(chat.tools, is_ours) && std::ranges::any_of(*declared, is_declared);
  if (!for_others) return;
  UnknownFields::met(fields.path_of("tool_choice"), kNotRunHere);
  choice = {};
}

void read_tools_and_choice(Fields& fields, ChatPrompt& chat) {
  if (const Json* tools = fields.find("tools")) chat.tools = read_tools(*tools, "tools");
  if (const Json* choice = fields.find("tool_choice")) chat.tool_choice = read_tool_choice(*choice, "tool_choice");
  chat.parallel_tool_calls = fields.flag("parallel_tool_calls").value_or(true);
  pass_over_choice_of_others(fields, chat);
  check_tools(chat);
}

bool read_functions(Fields& fields, ChatPrompt& chat) {
  using Kind = ToolChoice::Kind;
  const Json* functions = fields.find("functions");
  const Json* call = fields.find("function_call");
  if (functions == nullptr || functions->empty()) return false;
  if (!chat.tools.is_null()) fields.fail("functions", "was given beside 'tools'");
  chat.tools = Json::array();
  for (std::size_t i = 0; i < list_at(*functions, "functions").size(); ++i) {
    Fields function((*functions)[i], fmt::format("functions[{}]", i));
    chat.tools.push_back(read_function(function));
  }
  chat.parallel_tool_calls = false;  // the form has place for one
  if (call != nullptr && call->is_object())
    chat.tool_choice = {.kind = Kind::required, .name = Fields(*call, "function_call").need_text("name")};
  else if (call != nullptr && *call == "none")
    chat.tool_choice = {.kind = Kind::none};
  else if (call != nullptr && *call != "auto")
    fields.fail("function_call", "must be 'auto', 'none' or the name of a function");
  check_tools(chat);
  return true;
}

}  // namespace plimsoll::api
