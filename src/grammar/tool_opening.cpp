#include "grammar/tool_opening.hpp"

#include <map>
#include <optional>
#include <type_traits>
#include <utility>

#include <nlohmann/json.hpp>

#include "grammar/marked_form.hpp"
#include "grammar/tagged_form.hpp"

#include "gbnf_rules.hpp"

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

// The state is what of a tag has been seen: a tree of the tags, in which what goes on with none of them goes on as the
// longest end of it does that is another state (Aho and Corasick).
template <class Unit>
Opening<Unit> anywhere(const std::vector<std::basic_string<Unit>>& tags) {
  struct Node {
    std::map<Unit, std::size_t> children{};
    std::size_t depth = 0;
    std::size_t end = 0;  // its longest end that is a state
  };
  std::vector<Node> nodes(1);
  for (std::size_t i = 0; i < tags.size(); ++i) {
    std::size_t at = 0;
    for (const Unit c : tags[i].substr(0, tags[i].size() - 1)) {
      const auto [found, is_new] = nodes[at].children.try_emplace(c, nodes.size());
      const std::size_t next = found->second;
      if (is_new) nodes.push_back({.depth = nodes[at].depth + 1});
      at = next;
    }
    nodes[at].children[tags[i].back()] = ToolOpening::kBegun + i;
  }
  Opening<Unit> opening;
  opening.states.resize(nodes.size());
  std::vector<std::size_t> order{0};  // shorter ones first
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Node& node = nodes[order[i]];
    typename Opening<Unit>::State state{.held = node.depth};
    if (node.depth > 0) state.next = opening.states[node.end].next;
    for (const auto& [c, child] : node.children) {
      const auto other = state.next.find(c);
      if (child < ToolOpening::kBegun) {
        nodes[child].end = other == state.next.end() || other->second >= ToolOpening::kBegun ? 0 : other->second;
        order.push_back(child);
      }
      state.next[c] = child;
    }
    opening.states[order[i]] = std::move(state);
  }
  return opening;
}

template <class Unit>
std::basic_string<Unit> in_units(std::string_view text) {
  if constexpr (std::is_same_v<Unit, char>)
    return std::string(text);
  else
    return to_code_points(text);
}

template <class Unit>
Opening<Unit> of_tags(const std::vector<std::string_view>& tags, std::string_view seen = {}) {
  std::vector<std::basic_string<Unit>> texts;
  for (const std::string_view tag : tags) texts.push_back(in_units<Unit>(tag));
  Opening<Unit> opening = anywhere<Unit>(texts);
  for (const Unit unit : in_units<Unit>(seen)) opening.first = opening.next(opening.first, unit);
  return opening;
}

std::optional<std::vector<std::string_view>> tags_of(ToolForm form) {
  if (const MarkedForm* marked = marked_form(form)) return marked->openings();
  if (const TaggedForm* tagged = tagged_form(form)) return tagged->openings();
  return std::nullopt;
}

template <class Unit>
Opening<Unit> opening_of_tags(ToolForm form, const std::vector<std::string_view>& tags) {
  const MarkedForm* marked = marked_form(form);
  return of_tags<Unit>(tags, marked == nullptr ? std::string_view{} : marked->seen);
}

ToolOpening whole_answer(ToolForm form, const std::vector<std::string>& names) {
  return form == ToolForm::bare ? bare(names) : listed();
}

}  // namespace

ToolOpening tags_anywhere(const std::vector<std::string_view>& tags) { return of_tags<char>(tags); }
WrittenOpening written_tag(std::string_view tag) { return of_tags<char32_t>({tag}); }
WrittenOpening written_tags(const std::vector<std::string_view>& tags) { return of_tags<char32_t>(tags); }

ToolOpening tool_opening(ToolForm form, const std::vector<std::string>& names) {
  if (const auto tags = tags_of(form)) return opening_of_tags<char>(form, *tags);
  return whole_answer(form, names);
}

WrittenOpening written_opening(ToolForm form, const std::vector<std::string>& names) {
  if (const auto tags = tags_of(form)) return opening_of_tags<char32_t>(form, *tags);
  const ToolOpening read = whole_answer(form, names);  // all of it is ASCII
  WrittenOpening out{.holds_json = read.holds_json};
  for (const ToolOpening::State& state : read.states)
    out.states.push_back(
        {.next = {state.next.begin(), state.next.end()}, .otherwise = state.otherwise, .held = state.held});
  return out;
}

std::vector<std::string> tool_names(const nlohmann::ordered_json& tools) {
  std::vector<std::string> names;
  for (const auto& tool : tools) names.push_back(tool["function"]["name"].get<std::string>());
  return names;
}

}  // namespace plimsoll::grammar
