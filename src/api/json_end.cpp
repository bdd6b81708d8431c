#include "json_end.hpp"

#include "grammar/tool_opening.hpp"

namespace plimsoll::api {

JsonEnd::Seen JsonEnd::push(char c) {
  if (depth_ == 0) {
    if (grammar::kSpaces.contains(c)) return Seen::nothing;
    if (c != '{' && c != '[') return Seen::no_json;
  }
  if (values_ == Values::gemma && ends_mark(c)) {
    quote_ = quote_ == '\0' ? c : '\0';
    return Seen::inside;
  }
  if (quote_ != '\0') {
    in_string(c);
    return Seen::inside;
  }
  if (begins_string(c)) quote_ = c;
  if (c == '{' || c == '[') ++depth_;
  if (c == '}' || c == ']') --depth_;
  return depth_ == 0 ? Seen::end : Seen::inside;
}

bool JsonEnd::begins_string(char c) const {
  return (values_ != Values::gemma && c == '"') || (values_ == Values::python && c == '\'');
}

bool JsonEnd::ends_mark(char c) {
  mark_ += c;
  while (!grammar::kGemmaQuote.starts_with(mark_)) mark_.erase(0, 1);
  if (mark_ != grammar::kGemmaQuote) return false;
  mark_.clear();
  return true;
}

void JsonEnd::in_string(char c) {
  if (values_ == Values::gemma) return;
  if (c == quote_ && !escaped_) quote_ = '\0';
  escaped_ = c == '\\' && !escaped_;
}

}  // namespace plimsoll::api
