// json_schema: a JSON Schema as a GBNF grammar, so that what a model writes is JSON of that shape.
#pragma once
#include <cstddef>
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
// and a chain of those doubles at each link, while what is joined along it grows.
class SchemaBudget {
 public:
  SchemaBudget() : SchemaBudget(kMostExpressions, kMostValues) {}
  // `values`: JSON values that are read and copied where schemas are joined.
  SchemaBudget(std::size_t expressions, std::size_t values) : expressions_(expressions), values_(values) {}

  // False: nothing is left.
  [[nodiscard]] bool take_expression() noexcept { return take(expressions_, 1); }
  [[nodiscard]] bool take_values(std::size_t count) noexcept { return take(values_, count); }
  [[nodiscard]] std::size_t values_left() const noexcept { return values_; }
  [[nodiscard]] SchemaBudget eighth() const noexcept { return {expressions_ / 8, values_ / 8}; }
  // In one respect or the other.
  [[nodiscard]] bool is_below(const SchemaBudget& other) const noexcept {
    return expressions_ < other.expressions_ || values_ < other.values_;
  }

  static constexpr std::size_t kMostExpressions = 40'000;
  static constexpr std::size_t kMostValues = 2'000'000;

 private:
  static bool take(std::size_t& left, std::size_t count) noexcept {
    const bool enough = count <= left;
    left = enough ? left - count : 0;
    return enough;
  }

  std::size_t expressions_;
  std::size_t values_;
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
