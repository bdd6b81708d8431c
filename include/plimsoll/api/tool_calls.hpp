// Tool calls: how a model writes them down, a grammar that holds it to that, and a reader that finds them again.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/api/answer.hpp>
#include <plimsoll/api/text_request.hpp>

namespace plimsoll::api {

// The forms that chat templates teach. Told by the template's source.
enum class ToolForm {
  hermes,   // <tool_call>{"name": ..., "arguments": {...}}</tool_call>, one after the other (Qwen, Hermes, ...)
  mistral,  // [TOOL_CALLS][{"name": ..., "arguments": {...}}, ...]
  bare,     // {"name": ..., "parameters": {...}} as the whole answer, one call (Llama 3)
  listed,   // {"tool_calls": [{"name": ..., "arguments": {...}}, ...]}: templates that know no tools are told this one
};
[[nodiscard]] ToolForm tool_form(std::string_view template_source);

// Throws Problem 400: a name that is none or twice, too many, parameters that are no schema of an object, a choice that
// is not among them, calls required of no functions.
void check_tools(const ChatPrompt& chat);

// Sets the grammar, so that calls are of these tools with arguments that follow their schemas. Chosen automatically any
// text is allowed until a call begins; a grammar that is there already is what an answer without calls has to follow.
// Required, calls are all there can be, from the first token on. Nothing is changed where there are no tools, or none
// may be called. Where no grammar can be made of a tool's parameters its arguments are any JSON object.
void hold_to_tools(engine::SamplingParams& sampling, const ChatPrompt& chat, ToolForm form);

// Text in, text without calls and calls out. Holds back what may still become a call, and whitespace, which next to a
// call is not shown. What comes out does not depend on how the text was cut into pieces. One thread.
class ToolCallReader {
 public:
  // `tools`: as in ChatPrompt. Calls of others are text; null: any name is one.
  explicit ToolCallReader(ToolForm form, const Json& tools = {});
  ~ToolCallReader();
  ToolCallReader(ToolCallReader&&) noexcept;
  ToolCallReader& operator=(ToolCallReader&&) noexcept;

  // What can be shown now. Calls are collected for take().
  [[nodiscard]] std::string push(std::string_view piece);
  // The rest, once no more comes. What began like a call and is none is text.
  [[nodiscard]] std::string finish();
  // The whole calls since the last time, without ids.
  [[nodiscard]] std::vector<ToolCall> take();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

inline constexpr std::size_t kMostTools = 512;

}  // namespace plimsoll::api
