#include "grammar/json_schema.hpp"

#include <fmt/format.h>

#include "schema_reader.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

// Of a schema that means nothing as a whole nothing would be left.
void check_root(const Json& schema) {
  if (!schema.is_object() && !schema.is_boolean())
    throw Error(ErrorCode::usage, "the schema at '#' is neither an object nor true");
}

SchemaGrammar read(const Json& schema, bool strict, SchemaBudget& budget) {
  check_root(schema);
  try {
    SchemaReader reader(schema, strict, budget);
    std::string gbnf = reader.read();
    return {.gbnf = std::move(gbnf), .notes = reader.notes().all()};
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::usage, fmt::format("the schema cannot be read: {}", error.what()));
  }
}

}  // namespace

SchemaGrammar grammar_of_schema(const Json& schema, SchemaBudget& budget) {
  SchemaGrammar out = read(schema, false, budget);
  for (const SchemaNote& note : out.notes) {
    if (note.pointer == "#/type")  // every value: nothing is left of it
      throw Error(ErrorCode::usage, fmt::format("the schema at '#' {}", note.why));
  }
  return out;
}

SchemaGrammar grammar_of_schema(const Json& schema) {
  SchemaBudget budget;
  return grammar_of_schema(schema, budget);
}

std::string from_json_schema(const Json& schema) {
  SchemaBudget budget;
  return read(schema, true, budget).gbnf;
}

}  // namespace plimsoll::grammar
