// TemplateCapabilities: what a chat template has a place for, seen by rendering small conversations with it.
#pragma once
#include "engine/chat_form.hpp"

namespace plimsoll::engine {

struct TemplateCapabilities {
  bool chats = false;           // a user's message arrives, in one of the two forms
  bool text_content = false;    // content as a string does
  bool content_parts = false;   // content as a list of parts does
  bool system = false;          // a system message is taken and shown
  bool several_system = true;   // and so are two of them at the beginning
  bool later_system = true;     // and one behind an answer
  bool alternates = false;      // users and answers come in turns, or the template refuses
  bool empty_answers = true;    // an answer without text is taken
  bool tools = false;           // the tools that may be called are shown
  bool tool_calls = false;      // calls in the history are
  bool parallel_calls = false;  // several of one message are
  bool any_call_id = true;      // their ids may be any text; else they are nine letters and digits
  bool tool_results = false;    // what a tool answered is
  bool arguments_as_text =
      false;              // a call's arguments must be JSON's text; else they are an object, as in transformers
  bool thoughts = false;  // those of the history are shown, at least between a call and its result
  const char* thoughts_member = "reasoning_content";  // what a message has them under
  bool thoughts_beside_content = true;                // a message that calls may have both
  bool thinking_switch = false;                       // `enable_thinking` changes the prompt
};

// Takes one or two milliseconds.
[[nodiscard]] TemplateCapabilities capabilities_of(const ChatForm& form);

// Whether it asks for `functions`, the tools as JSON's text, and `datetime`, as firefunction's does, and not for
// `tools`.
[[nodiscard]] bool wants_functions(const ChatForm& form);

}  // namespace plimsoll::engine
