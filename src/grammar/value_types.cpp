#include "value_types.hpp"

#include "schema_values.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDeepestUnion = 4;  // unions in unions; what is deeper is of any type

const char* name_of(const Json& value) {
  if (value.is_object()) return "object";
  if (value.is_array()) return "array";
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "boolean";
  return value.is_null() ? "null" : "number";
}

TypeNames types_within(SchemaReader& reader, const Json& flat, const std::string& pointer, int depth);

// Empty as soon as one of them is of any type.
TypeNames types_of_all(SchemaReader& reader, const std::vector<Json>& branches, const std::string& pointer, int depth) {
  TypeNames all;
  for (const Json& branch : branches) {
    TypeNames one = types_within(reader, branch, pointer, depth);
    if (one.empty()) return {};
    all.merge(one);
  }
  return all;
}

TypeNames types_within(SchemaReader& reader, const Json& flat, const std::string& pointer, int depth) {
  if (!flat.is_object() || depth > kDeepestUnion) return {};
  TypeNames names;
  if (const auto values = allowed_values(flat)) {
    for (const Json& value : *values) names.insert(name_of(value));
  } else if (const std::vector<Json> branches = flat_branches(reader, flat, pointer); !branches.empty()) {
    names = types_of_all(reader, branches, pointer, depth + 1);
  } else {
    for (const std::string& name : grammar::types_of(flat)) names.insert(name);
    if (names.contains("value")) return {};
  }
  if (!names.empty() && flat.contains("nullable")) names.insert("null");
  return names;
}

}  // namespace

std::vector<Json> flat_branches(SchemaReader& reader, const Json& flat, const std::string& pointer) {
  std::vector<Json> out;
  for (const char* key : {"anyOf", "oneOf"}) {
    if (!flat.is_object() || !flat.contains(key)) continue;
    Json beside = flat;
    beside.erase(key);
    beside.erase("discriminator");
    for (const Json& branch : flat[key]) {
      try {
        Json joined = reader.flat(branch, pointer);
        if (!beside.empty()) joined = reader.joined(beside, joined, pointer);
        if (joined != false) out.push_back(std::move(joined));
      } catch (const NothingAllowed&) {
        continue;
      }
    }
    return out;
  }
  return out;
}

TypeNames types_of_flat(SchemaReader& reader, const Json& flat, const std::string& pointer) {
  const std::size_t noted = reader.notes().all().size();
  TypeNames names = types_within(reader, flat, pointer, 0);
  reader.notes().go_back_to(noted);
  return names;
}

TypeNames types_of_value(SchemaReader& reader, const Json& schema, const std::string& pointer) {
  const std::size_t noted = reader.notes().all().size();
  TypeNames names;
  try {
    names = types_within(reader, reader.flat(schema, pointer), pointer, 0);
  } catch (const NothingAllowed&) {
    names.clear();
  }
  reader.notes().go_back_to(noted);
  return names;
}

}  // namespace plimsoll::grammar
