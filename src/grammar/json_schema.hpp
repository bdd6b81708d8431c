// json_schema: a JSON Schema as a GBNF grammar, so that what a model writes is JSON of that shape.
#pragma once
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "grammar/schema_notes.hpp"

namespace plimsoll::grammar {

// The grammar's text; its root is "root". What it allows is valid under the schema, but for what is noted; not all that
// is valid is allowed:
//  - members come in the order of `properties`; objects and tuples are closed unless the schema opens them
//    (`additionalProperties`, `items`); whitespace is optional and short;
//  - numbers have 16 digits before the point at most, where no bound asks for more; bounded ones have no exponent.
// The engine takes overlong byte sequences for characters: a model that writes lone bytes may write text that is no
// UTF-8.
//
// Read are the keywords of JSON Schema's drafts 4 to 2020-12, `nullable` and `discriminator` of OpenAPI, and types in
// upper case. docs/server.md has the table of what is held of each.
struct SchemaGrammar {
  std::string gbnf{};
  std::vector<SchemaNote> notes{};  // what it does not hold, each place once
};

// Shared by the schemas of one request: a place that is referred to with something beside it is made anew each time,
// and a chain of those doubles at each link.
class SchemaBudget {
 public:
  explicit SchemaBudget(int expressions = kMostExpressions) : expressions_(expressions) {}
  [[nodiscard]] int& expressions() noexcept { return expressions_; }

  static constexpr int kMostExpressions = 40000;

 private:
  int expressions_;
};

// Loosens what it cannot hold, place by place, and notes it. Throws Error: usage (the whole is no schema, or nothing
// can satisfy it), unsupported (it comes to too large a grammar, or is nested too deep). Any thread.
[[nodiscard]] SchemaGrammar grammar_of_schema(const nlohmann::ordered_json& schema, SchemaBudget& budget);
[[nodiscard]] SchemaGrammar grammar_of_schema(const nlohmann::ordered_json& schema);

// The grammar alone, and nothing loosened: throws for what would be noted, too, with the keyword and its JSON pointer
// (usage where it means nothing, unsupported where a grammar cannot hold it). That no more than one branch of a oneOf
// matches is not looked at.
[[nodiscard]] std::string from_json_schema(const nlohmann::ordered_json& schema);

}  // namespace plimsoll::grammar
