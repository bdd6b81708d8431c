// TaggedCall: a call whose arguments stand in tags, one character after the other.
#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/json_text.hpp"
#include "grammar/tagged_arguments.hpp"

namespace plimsoll::api {

class TaggedCall {
 public:
  enum class Seen { inside, end, no_call };

  using TypesOf = std::function<grammar::ParameterTypes(const std::string& function)>;
  // From behind the call's opening tag on.
  TaggedCall(const grammar::TaggedForm& form, TypesOf types_of) : form_(&form), types_of_(std::move(types_of)) {}

  Seen push(char c);
  // So many of the last characters were read as the beginning of a tag that did not come.
  [[nodiscard]] std::size_t unread() const noexcept { return tag_.size(); }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  // An object. Text is turned to the JSON that its parameter's type allows; what is none stays text.
  [[nodiscard]] Json arguments() const;

 private:
  enum class Place { before_name, name, behind_name, between, key, mark, before_value, value };

  Seen before_name(char c);
  Seen in_name(char c);
  Seen behind_name(char c);
  Seen in_key(char c);
  Seen in_mark(char c);
  Seen in_value(char c);
  Seen between(char c);
  Seen read_tag(char c, std::string_view tag, Place behind);

  struct Argument {
    std::string key{};
    std::string text{};
    grammar::TypeNames types{};
  };

  const grammar::TaggedForm* form_;
  TypesOf types_of_;
  Place place_ = Place::before_name;
  std::string tag_;  // what of one has been seen
  std::string name_;
  grammar::ParameterTypes types_;  // of the function, from its first argument on
  std::vector<Argument> arguments_;
  bool in_string_ = false;  // of a value that is JSON
  bool escaped_ = false;
};

}  // namespace plimsoll::api
