// moved_from: what a handle says that has given what it held to another one.
#pragma once
#include <string>

#include <plimsoll/base/error.hpp>

namespace plimsoll::library {

// `pointer` as it is. Throws Error{usage} where it is null: "this conversation was moved from".
template <class Pointer>
[[nodiscard]] const Pointer& held(const Pointer& pointer, const char* what) {
  if (!pointer) throw Error(ErrorCode::usage, std::string("this ") + what + " was moved from");
  return pointer;
}

}  // namespace plimsoll::library
