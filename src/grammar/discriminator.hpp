// discriminator: OpenAPI's: a member whose value says which branch of a oneOf or anyOf it is.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include "grammar/schema_references.hpp"

namespace plimsoll::grammar {

// The schema's branches (its `keyword`). Where its discriminator maps names to them, each one that does not say itself
// what the member is, says so.
[[nodiscard]] nlohmann::ordered_json discriminated_branches(const nlohmann::ordered_json& schema, const char* keyword,
                                                            const SchemaReferences& references);

}  // namespace plimsoll::grammar
