// SchemaVerdict: what became of a check of a finished answer. A plain value.
#pragma once
#include <string>

namespace plimsoll::api {

struct SchemaVerdict {
  enum class Kind { valid, invalid, undecided };
  Kind kind = Kind::undecided;
  std::string sentence{};  // where and why not; why it cannot be told
  friend bool operator==(const SchemaVerdict&, const SchemaVerdict&) = default;
};

}  // namespace plimsoll::api
