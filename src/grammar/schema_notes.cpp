#include "grammar/schema_notes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>

namespace plimsoll::grammar {

void SchemaNotes::unchecked(const std::string& pointer, const std::string& keyword, const std::string& why) {
  const std::string at = pointer_to(pointer, keyword);
  if (strict_)
    throw Error(ErrorCode::unsupported,
                fmt::format("a grammar cannot be made of the schema's {} at '{}': {}", keyword, at, why));
  add({.kind = SchemaNote::Kind::unchecked, .pointer = at, .keyword = keyword, .why = why});
}

void SchemaNotes::loosened(const std::string& pointer, const std::string& keyword, const std::string& why) {
  const std::string at = pointer_to(pointer, keyword);
  if (strict_)
    throw Error(ErrorCode::unsupported,
                fmt::format("a grammar cannot be made of the schema's {} at '{}': {}", keyword, at, why));
  add({.kind = SchemaNote::Kind::loosened, .pointer = at, .keyword = keyword, .why = why});
}

void SchemaNotes::wrong(const std::string& pointer, const std::string& keyword, const std::string& what) {
  if (strict_) throw Error(ErrorCode::usage, fmt::format("the schema at '{}' {}", pointer, what));
  const std::string at = keyword.empty() ? pointer : pointer_to(pointer, keyword);
  add({.kind = SchemaNote::Kind::loosened,
       .pointer = at,
       .keyword = keyword.empty() ? "schema" : keyword,
       .why = what});
}

// A place that is read several times is told once.
void SchemaNotes::add(SchemaNote note) {
  const bool is_known = std::ranges::any_of(
      notes_, [&](const SchemaNote& one) { return one.pointer == note.pointer && one.kind == note.kind; });
  if (!is_known && notes_.size() < kMost) notes_.push_back(std::move(note));
}

std::string pointer_to(const std::string& pointer, const std::string& member) {
  std::string out = pointer + "/";
  for (const char c : member) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

}  // namespace plimsoll::grammar
