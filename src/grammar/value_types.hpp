// value_types: the types that a schema's values may have, with all that it refers to.
#pragma once
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "grammar/tagged_arguments.hpp"

#include "schema_reader.hpp"

namespace plimsoll::grammar {

// What is met on the way is not noted. `flat`: see SchemaReader::flat().
[[nodiscard]] TypeNames types_of_value(SchemaReader& reader, const nlohmann::ordered_json& schema,
                                       const std::string& pointer);
[[nodiscard]] TypeNames types_of_flat(SchemaReader& reader, const nlohmann::ordered_json& flat,
                                      const std::string& pointer);

// Of an anyOf or oneOf, each joined with what stands beside it, without those that nothing satisfies. Empty: it has
// neither.
[[nodiscard]] std::vector<nlohmann::ordered_json> flat_branches(SchemaReader& reader,
                                                                const nlohmann::ordered_json& flat,
                                                                const std::string& pointer);

}  // namespace plimsoll::grammar
