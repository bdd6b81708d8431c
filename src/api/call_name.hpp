// CallName: what stands between the mark that begins a call and the call's arguments, one character after the other.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "grammar/marked_form.hpp"

namespace plimsoll::api {

// See check_tools().
[[nodiscard]] bool is_of_a_name(char c);

class CallName {
 public:
  enum class Seen { inside, end, no_call };
  explicit CallName(const grammar::MarkedForm& form) : form_(&form) {}

  Seen push(char c);
  // So many of the last characters were no part of the name.
  [[nodiscard]] std::size_t unread() const noexcept { return behind_.size(); }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  // The call's, as the model wrote it; empty: the form has none, or the model left it out.
  [[nodiscard]] std::string id() const;

 private:
  [[nodiscard]] bool may_go_on() const;

  const grammar::MarkedForm* form_;
  std::string name_;
  std::string behind_;  // it, and before the arguments
};

}  // namespace plimsoll::api
