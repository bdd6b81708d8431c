#include "json_end.hpp"

#include "grammar/tool_opening.hpp"

namespace plimsoll::api {

JsonEnd::Seen JsonEnd::push(char c) {
  if (depth_ == 0) {
    if (grammar::kSpaces.contains(c)) return Seen::nothing;
    if (c != '{' && c != '[') return Seen::no_json;
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

void JsonEnd::in_string(char c) {
  if (c == quote_ && !escaped_) quote_ = '\0';
  escaped_ = c == '\\' && !escaped_;
}

}  // namespace plimsoll::api
