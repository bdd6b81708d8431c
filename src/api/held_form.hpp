// held_form: what holds an answer to its form: the grammar of a schema, of calls, of what is given as such, behind a
// thought where there is one; and what of a form it does not hold.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/answer.hpp"
#include "api/reasoning.hpp"
#include "api/text_request.hpp"
#include "grammar/schema_notes.hpp"
#include "grammar/tool_form.hpp"

namespace plimsoll::api {

// Of the model's template, and of the prompt.
struct TemplateForms {
  grammar::ToolForm tools = grammar::ToolForm::listed;
  std::optional<ReasoningForm> reasoning{};  // empty: it does not think aloud
  bool begins_in_a_thought = false;          // the answer does
};

struct HeldForm {
  // Pointers begin with "#", or with the name of the function whose parameters they are of.
  std::vector<grammar::SchemaNote> notes{};
  bool has_thoughts = false;       // the answer may begin with a thought, or inside of one
  std::string_view thought_end{};  // of one, then

  // "unchecked #/properties/a/not, loosened weather#/properties/when/format": in printable ASCII, shortened where it
  // would be long. Empty: all is held.
  [[nodiscard]] std::string words() const;
  [[nodiscard]] bool needs_check() const;
  static constexpr std::size_t kMostWords = 24;
};

// Sets the grammar. `forms`: empty for what is no chat. Throws Problem 400 where two forms contradict each other, where
// nothing can satisfy the schema as a whole, and, where unknown fields are refused, for what would be loosened; Error
// where it comes to too large a grammar.
[[nodiscard]] HeldForm hold_to_form(engine::SamplingParams& sampling, const TextRequest& request,
                                    const std::optional<TemplateForms>& forms);

}  // namespace plimsoll::api
