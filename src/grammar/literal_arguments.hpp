// literal_arguments: the grammar of a call's arguments that are written as literals of a language that is not JSON.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "grammar/json_schema.hpp"
#include "grammar/marked_form.hpp"

namespace plimsoll::grammar {

// Its root is what stands between the brackets behind the function's name. Values are JSON's as their schema says, or
// the same as that language writes them. What the schema says of several arguments together is noted as unchecked. The
// arguments have the schema's order. Throws what grammar_of_schema() throws.
[[nodiscard]] SchemaGrammar grammar_of_literal_arguments(const nlohmann::ordered_json& schema,
                                                         MarkedForm::Values values, SchemaBudget& budget);

}  // namespace plimsoll::grammar
