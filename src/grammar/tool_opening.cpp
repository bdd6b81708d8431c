#include "grammar/tool_opening.hpp"

#include <map>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "grammar/tagged_form.hpp"

namespace plimsoll::grammar {
namespace {

// From the text's first character on.
class AnchoredMaker {
 public:
  AnchoredMaker() { (void)add(); }

  // The state behind the pattern, in which a space stands for any whitespace.
  std::size_t walk(std::size_t from, std::string_view pattern) {
    for (const char c : pattern) {
      if (c == ' ') {
        for (const char space : kSpaces) states_[from].next[space] = from;
      } else if (const auto found = states_[from].next.find(c); found != states_[from].next.end()) {
        from = found->second;
      } else {
        const std::size_t to = add();
        states_[from].next[c] = to;
        from = to;
      }
    }
    return from;
  }

  void link(std::size_t from, char c, std::size_t to) { states_[from].next[c] = to; }
  ToolOpening done() { return {.states = std::move(states_), .holds_json = true}; }

 private:
  std::size_t add() {
    states_.push_back({.otherwise = ToolOpening::kPlain, .held = ToolOpening::kEverything});
    return states_.size() - 1;
  }

  std::vector<ToolOpening::State> states_;
};

ToolOpening listed() {
  AnchoredMaker maker;
  maker.link(maker.walk(0, R"( { "tool_calls" )"), ':', ToolOpening::kBegun);
  return maker.done();
}

// Any JSON may have a "name"; a call has one of ours. Some models say first that it is a function.
ToolOpening bare(const std::vector<std::string>& names) {
  AnchoredMaker maker;
  const std::size_t named = maker.walk(0, R"( { "n)");
  maker.link(maker.walk(0, R"( { "type" : "function" , ")"), 'n', named);
  const std::size_t key = maker.walk(named, R"(ame" )");
  if (names.empty()) maker.link(key, ':', ToolOpening::kBegun);
  for (std::size_t i = 0; i < names.size(); ++i)
    maker.link(maker.walk(key, ": \"" + names[i]), '"', ToolOpening::kBegun + i);
  return maker.done();
}

}  // namespace

ToolOpening tag_anywhere(std::string_view tag) { return tags_anywhere({tag}); }

// The state is what of a tag has been seen.
ToolOpening tags_anywhere(const std::vector<std::string_view>& tags) {
  std::vector<std::string> seen{""};
  std::map<std::string, std::size_t> states;
  std::set<char> letters;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    letters.insert(tags[i].begin(), tags[i].end());
    states[std::string(tags[i])] = ToolOpening::kBegun + i;
    for (std::size_t length = 1; length < tags[i].size(); ++length) {
      std::string begun(tags[i].substr(0, length));
      if (states.try_emplace(begun, seen.size()).second) seen.push_back(std::move(begun));
    }
  }
  ToolOpening opening;
  for (const std::string& text : seen) {
    ToolOpening::State state{.held = text.size()};
    for (const char c : letters) {
      for (std::string end = text + c; !end.empty(); end.erase(0, 1)) {
        const auto found = states.find(end);
        if (found == states.end()) continue;
        state.next[c] = found->second;
        break;
      }
    }
    opening.states.push_back(std::move(state));
  }
  return opening;
}

ToolForm tool_form(std::string_view template_source) {
  const auto has = [&](std::string_view words) { return template_source.contains(words); };
  if (has(kHermesTag) && has("<function=") && has("<parameter=")) return ToolForm::coder;
  if (has(kHermesTag) && has("<arg_key>") && has("<arg_value>")) return ToolForm::glm;
  if (has(kHermesTag)) return ToolForm::hermes;
  if (has(kMistralTag)) return has("[ARGS]") ? ToolForm::listed : ToolForm::mistral;  // newer calls are not read here
  if (has("<|python_tag|>") || has("ipython") || has(R"({"name": function name, "parameters")")) return ToolForm::bare;
  return ToolForm::listed;
}

std::size_t ToolOpening::next(std::size_t state, char c) const {
  const auto found = states[state].next.find(c);
  return found == states[state].next.end() ? states[state].otherwise : found->second;
}

ToolOpening tool_opening(ToolForm form, const std::vector<std::string>& names) {
  switch (form) {
    case ToolForm::hermes:
    case ToolForm::glm:
      return tag_anywhere(kHermesTag);
    case ToolForm::coder:  // models leave the first of its tags out
      return tags_anywhere({kHermesTag, kCoderForm.name_begin});
    case ToolForm::mistral:
      return tag_anywhere(kMistralTag);
    case ToolForm::bare:
      return bare(names);
    case ToolForm::listed:
      break;
  }
  return listed();
}

std::vector<std::string> tool_names(const nlohmann::ordered_json& tools) {
  std::vector<std::string> names;
  for (const auto& tool : tools) names.push_back(tool["function"]["name"].get<std::string>());
  return names;
}

std::string_view arguments_key(ToolForm form) { return form == ToolForm::bare ? "parameters" : "arguments"; }

}  // namespace plimsoll::grammar
