// ToolOpening: what begins a call, as an automaton over characters. The grammar is written from it and the reader runs
// it, so that the two cannot disagree about what is a call.
#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "grammar/tool_form.hpp"

namespace plimsoll::grammar {

// `Unit`: of text, a byte where it is read, and a code point where a grammar is written.
template <class Unit>
struct Opening {
  struct State {
    std::map<Unit, std::size_t> next{};
    std::size_t otherwise = 0;
    std::size_t held = 0;  // this many units at the text's end may be a call's first
  };
  static constexpr std::size_t kPlain = static_cast<std::size_t>(-1);  // text from here on, whatever comes
  static constexpr std::size_t kBegun = kPlain / 2;                    // a call has begun: this and more
  static constexpr std::size_t kEverything = kPlain;                   // as `held`

  // Beyond kBegun: of the function of that index, or of the tag, where there are several.
  std::vector<State> states{};
  std::size_t first = 0;  // the state that a text begins in
  // The call's JSON is a part of the opening: its first bracket is the first one held.
  bool holds_json = false;

  [[nodiscard]] std::size_t next(std::size_t state, Unit unit) const {
    const auto found = states[state].next.find(unit);
    return found == states[state].next.end() ? states[state].otherwise : found->second;
  }
};
using ToolOpening = Opening<char>;
using WrittenOpening = Opening<char32_t>;

// `names`: of the functions. Only the bare form is told from other JSON by them.
[[nodiscard]] ToolOpening tool_opening(ToolForm form, const std::vector<std::string>& names);
[[nodiscard]] WrittenOpening written_opening(ToolForm form, const std::vector<std::string>& names);

// The first of the tags, none of which is in another but at its end: kBegun and the tag's index behind its last byte.
[[nodiscard]] ToolOpening tags_anywhere(const std::vector<std::string_view>& tags);
// The tag wherever it stands in a text: kBegun behind its last character.
[[nodiscard]] WrittenOpening written_tag(std::string_view tag);
[[nodiscard]] WrittenOpening written_tags(const std::vector<std::string_view>& tags);  // as tags_anywhere()

[[nodiscard]] std::vector<std::string> tool_names(const nlohmann::ordered_json& tools);

inline constexpr std::string_view kSpaces = " \t\n\r";

}  // namespace plimsoll::grammar
