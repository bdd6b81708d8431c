#include "engine/template_capabilities.hpp"

#include "template_probe.hpp"
#include "thinking_switch.hpp"

namespace plimsoll::engine {
namespace {

using Json = nlohmann::ordered_json;

Json message(const char* role, const Json& content) { return {{"role", role}, {"content", content}}; }
Json as_parts(const char* text) { return Json::array({{{"type", "text"}, {"text", text}}}); }

// Ids of nine letters and digits: some templates take no others.
Json calling(const Json& arguments, bool twice = false) {
  Json calls = Json::array();
  calls.push_back(
      {{"id", "call00001"}, {"type", "function"}, {"function", {{"name", "first_needle"}, {"arguments", arguments}}}});
  if (twice) {
    calls.push_back({{"id", "call00002"},
                     {"type", "function"},
                     {"function", {{"name", "second_needle"}, {"arguments", arguments}}}});
  }
  return {{"role", "assistant"}, {"content", ""}, {"tool_calls", std::move(calls)}};
}

Json result() {
  return {{"role", "tool"}, {"tool_call_id", "call00001"}, {"name", "first_needle"}, {"content", "result-needle"}};
}

Json a_tool() {
  return Json::array({{{"type", "function"},
                       {"function",
                        {{"name", "tool_needle"},
                         {"description", "A tool."},
                         {"parameters",
                          {{"type", "object"},
                           {"properties", {{"arg", {{"type", "string"}, {"description", "An argument."}}}}},
                           {"required", Json::array({"arg"})}}}}}}});
}

// As most servers and clients make them.
bool takes_any_id(const TemplateProbe& probe, const Json& user, Json call) {
  constexpr const char* kLong = "call_0123456789abcdef01234567";
  Json answer = result();
  call["tool_calls"][0]["id"] = answer["tool_call_id"] = kLong;
  return probe.shows("argument_needle", Json::array({user, std::move(call), std::move(answer)}));
}

// A list that is printed as it is shows its keys.
bool shows_parts(const TemplateProbe& probe) {
  const std::string text = probe.text(Json::array({message("user", as_parts("user-needle"))}));
  return text.contains("user-needle") && !text.contains("'text'") && !text.contains("\"text\"");
}

// Of a call, and where none are shown there, of an answer.
void look_at_thoughts(const TemplateProbe& probe, const Json& user, const Json& call, TemplateCapabilities& can) {
  const auto shows = [&](const char* member, Json message) {
    message[member] = "thought-needle";
    return probe.shows("thought-needle", Json::array({user, std::move(message), result()}));
  };
  Json with_text = call;
  with_text["content"] = "Yes.";
  for (const char* member : {"reasoning_content", "thinking", "reasoning"}) {
    if (!shows(member, call)) continue;
    can.thoughts = true;
    can.thoughts_member = member;
    can.thoughts_beside_content = shows(member, std::move(with_text));
    return;
  }
}

void look_at_calls(const TemplateProbe& probe, const Json& user, TemplateCapabilities& can) {
  const Json arguments{{"argument_needle", "value-needle"}};
  const std::string of_object = probe.text(Json::array({user, calling(arguments), result()}));
  const std::string of_text = probe.text(Json::array({user, calling(arguments.dump()), result()}));
  const bool object = of_object.contains("argument_needle");
  const bool printed = of_object.contains("'argument_needle'");  // as Python writes a dict: the template wants a text
  const bool text = of_text.contains("\"argument_needle\"");
  can.tool_calls = object || text;
  can.arguments_as_text = text && (!object || printed);
  const Json given = can.arguments_as_text ? Json(arguments.dump()) : arguments;
  can.tool_results = (can.arguments_as_text ? of_text : of_object).contains("result-needle");
  const std::string both = probe.text(Json::array({user, calling(given, true), result()}));
  can.any_call_id = !can.tool_calls || takes_any_id(probe, user, calling(given));
  can.parallel_calls = both.contains("first_needle") && both.contains("second_needle");
  look_at_thoughts(probe, user, calling(given), can);
}

template <class Said>
void look_at_order(const TemplateProbe& probe, const Said& said, TemplateCapabilities& can) {
  const auto both = [&](const Json& messages) {
    const std::string text = probe.text(messages);
    return text.contains("first-needle") && text.contains("second-needle");
  };
  const Json first = said("user", "first-needle");
  const Json second = said("user", "second-needle");
  const Json answer = said("assistant", "Yes.");
  if (!both(Json::array({first, answer, second}))) return;  // nothing is known then
  can.alternates = !both(Json::array({first, second}));
  can.empty_answers = both(Json::array({first, said("assistant", ""), second}));
  if (!can.system) return;
  can.several_system =
      both(Json::array({said("system", "first-needle"), said("system", "second-needle"), said("user", "Well?")}));
  // Some take the last one for all of them.
  can.later_system = both(Json::array({said("system", "first-needle"), said("user", "Hi."), answer,
                                       said("system", "second-needle"), said("user", "Well?")}));
}

}  // namespace

bool wants_functions(const ChatForm& form) { return form.mentions("functions") && !form.mentions("tools"); }

TemplateCapabilities capabilities_of(const ChatForm& form) {
  const TemplateProbe probe(form);
  TemplateCapabilities can;
  can.text_content = probe.shows("user-needle", Json::array({message("user", "user-needle")}));
  can.content_parts = shows_parts(probe);
  can.chats = can.text_content || can.content_parts;
  const bool parts = !can.text_content && can.content_parts;
  const auto said = [&](const char* role, const char* text) {
    return message(role, parts ? as_parts(text) : Json(text));
  };
  const Json user = said("user", "user-needle");
  can.system = probe.shows("system-needle", Json::array({said("system", "system-needle"), user}));
  look_at_order(probe, said, can);
  can.tools = probe.shows("tool_needle", Json::array({user}), {{"tools", a_tool()}, {"functions", a_tool().dump()}});
  look_at_calls(probe, user, can);
  if (!can.thoughts) {
    for (const char* member : {"reasoning", "thinking", "reasoning_content"}) {
      Json answer = said("assistant", "Yes.");
      answer[member] = "thought-needle";
      if (!probe.shows("thought-needle", Json::array({user, answer}))) continue;
      can.thoughts = true;
      can.thoughts_member = member;
    }
  }
  can.thinking_switch = thinking_switch_of(form) != nullptr;
  return can;
}

}  // namespace plimsoll::engine
