// Tool calls: which a request allows, the grammar that holds a model to them, and a reader that finds them in its text.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/answer.hpp"
#include "api/text_request.hpp"
#include "grammar/schema_notes.hpp"
#include "grammar/tool_form.hpp"

namespace plimsoll::api {

// A function whose name is none, or is there already, is ignored and named: those beside it can be called all the same.
// Throws Problem 400: too many, a choice that is not among them, calls required of no functions.
void check_tools(ChatPrompt& chat);

// Of the tools, those that the choice lets be called.
[[nodiscard]] Json callable_tools(const ChatPrompt& chat);

// Sets the grammar, so that calls are of these tools with arguments that follow their schemas. Chosen automatically any
// text is allowed until a call begins; a grammar that is there already is what an answer without calls has to follow.
// Required, calls are all there can be, from the first token on. Nothing is changed where there are no tools, or none
// may be called. What the grammar does not hold of the tools' parameters is given back. `mark`: what a thought begins
// with, where the answer may begin with one; no text does then.
std::vector<grammar::SchemaNote> hold_to_tools(engine::SamplingParams& sampling, const ChatPrompt& chat,
                                               grammar::ToolForm form, std::string_view mark = {});

// Text in, text without calls and calls out. Holds back what may still become a call, and whitespace, which next to a
// call is not shown. A call that ends before its JSON does is neither. What comes out does not depend on how the text
// was cut into pieces. One thread.
class ToolCallReader {
 public:
  // `tools`: as in ChatPrompt. Calls of others are text; null: any name is one.
  explicit ToolCallReader(grammar::ToolForm form, const Json& tools = {});
  ~ToolCallReader();
  ToolCallReader(ToolCallReader&&) noexcept;
  ToolCallReader& operator=(ToolCallReader&&) noexcept;

  // What can be shown now. Calls are collected for take().
  [[nodiscard]] std::string push(std::string_view piece);
  // The rest, once no more comes. What may have become a call's first words is text, but where calls are all there can
  // be (`required`).
  [[nodiscard]] std::string finish(bool required = false);
  // finish() has met a call that was cut.
  [[nodiscard]] bool cut() const noexcept;
  // The whole calls since the last time, with the ids that the model gave them; most forms have none.
  [[nodiscard]] std::vector<ToolCall> take();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

inline constexpr std::size_t kMostTools = 512;

}  // namespace plimsoll::api
