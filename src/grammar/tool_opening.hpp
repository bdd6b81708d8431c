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

struct ToolOpening {
  struct State {
    std::map<char, std::size_t> next{};
    std::size_t otherwise = 0;
    std::size_t held = 0;  // this many characters at the text's end may be a call's first
  };
  static constexpr std::size_t kPlain = static_cast<std::size_t>(-1);  // text from here on, whatever comes
  static constexpr std::size_t kBegun = kPlain / 2;                    // a call has begun: this and more
  static constexpr std::size_t kEverything = kPlain;                   // as `held`

  // From the first state, 0. Beyond kBegun: of the function of that index, where the opening names it.
  std::vector<State> states{};
  // The call's JSON is a part of the opening: its first bracket is the first one held.
  bool holds_json = false;

  [[nodiscard]] std::size_t next(std::size_t state, char c) const;
};

// `names`: of the functions. Only the bare form is told from other JSON by them.
[[nodiscard]] ToolOpening tool_opening(ToolForm form, const std::vector<std::string>& names);

// The tag wherever it stands in a text: kBegun behind its last character.
[[nodiscard]] ToolOpening tag_anywhere(std::string_view tag);
// The first of the tags, none of which is in another: kBegun and the tag's index behind its last character.
[[nodiscard]] ToolOpening tags_anywhere(const std::vector<std::string_view>& tags);

[[nodiscard]] std::vector<std::string> tool_names(const nlohmann::ordered_json& tools);

// Words of the forms.
inline constexpr std::string_view kHermesTag = "<tool_call>";
inline constexpr std::string_view kHermesEnd = "</tool_call>";
inline constexpr std::string_view kMistralTag = "[TOOL_CALLS]";
inline constexpr std::string_view kSpaces = " \t\n\r";
[[nodiscard]] std::string_view arguments_key(ToolForm form);

}  // namespace plimsoll::grammar
