// tagged_arguments: the grammar of a call's arguments in tags, and the types by which their texts are turned to JSON.
#pragma once
#include <map>
#include <set>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "grammar/json_schema.hpp"
#include "grammar/tagged_form.hpp"

namespace plimsoll::grammar {

// Its root is what follows the function's name, as far as the last argument. Values that can be no text are JSON, as
// their schema says; text out of a list is one of its words; other text is any, and what its schema says of it is noted
// as unchecked, as is what the schema says of several arguments together. The arguments have the schema's order. Throws
// what grammar_of_schema() throws.
[[nodiscard]] SchemaGrammar grammar_of_tagged_arguments(const nlohmann::ordered_json& schema, const TaggedForm& form,
                                                        SchemaBudget& budget);

// JSON Schema's names; empty: any. "number" where an integer is allowed beside other numbers.
using TypeNames = std::set<std::string>;

struct ParameterTypes {
  std::map<std::string, TypeNames> of{};  // by the parameter's name
  TypeNames others{};
};

// What cannot be read is of any type. Any thread.
[[nodiscard]] ParameterTypes parameter_types(const nlohmann::ordered_json& schema);

}  // namespace plimsoll::grammar
