// JsonEnd: where an object or array of JSON, or of a language like it, ends, one character after the other. Whether it
// is one is another question.
#pragma once
#include <cstddef>
#include <string>

#include "grammar/marked_form.hpp"

namespace plimsoll::api {

class JsonEnd {
 public:
  enum class Seen { nothing, inside, end, no_json };
  using Values = grammar::MarkedForm::Values;
  explicit JsonEnd(Values values = Values::json) : values_(values) {}

  Seen push(char c);

 private:
  void in_string(char c);
  [[nodiscard]] bool begins_string(char c) const;
  [[nodiscard]] bool ends_mark(char c);

  Values values_;
  std::size_t depth_ = 0;
  char quote_ = '\0';  // of the string that it is in; null: in none
  bool escaped_ = false;
  std::string mark_;  // what of one around a string has been seen
};

}  // namespace plimsoll::api
