// json_schema: a JSON Schema as a GBNF grammar, so that what a model writes is JSON of that shape.
#pragma once
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace plimsoll::grammar {

// The grammar's text; its root is "root". What it allows is valid under the schema, but not all that is valid is
// allowed:
//  - members come in the order of `properties`; objects and tuples are closed unless the schema opens them
//    (`additionalProperties`, `items`); whitespace is optional and short;
//  - integers have 16 digits at most, where no bound asks for more; `date` leaves out the 29th of February.
// The engine takes overlong byte sequences for characters: a model that writes lone bytes may write text that is no
// UTF-8. `oneOf` is taken as `anyOf`: that only one branch matches is the schema's affair.
//
// Known: type (also a list), nullable, enum, const, properties, required, additionalProperties, items, prefixItems,
// minItems, maxItems, minLength, maxLength, pattern (no look-around, back-references or word boundaries), format (date,
// time, date-time, uuid), minimum, maximum and their exclusive forms (integers), anyOf, oneOf, allOf, $ref to a place
// in the same schema (also recursive), $defs. Annotations are passed over.
//
// Throws Error{unsupported} for everything else, with the keyword and its JSON pointer; Error{usage} for a schema that
// is none or that nothing can satisfy. Any thread.
[[nodiscard]] std::string from_json_schema(const nlohmann::ordered_json& schema);

}  // namespace plimsoll::grammar
