#include "schema_values.hpp"

#include <algorithm>
#include <cmath>

#include "grammar/normal_schema.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

bool is_of_a_type(const Json& value, const Json& type) {
  if (type.is_array()) return std::ranges::any_of(type, [&](const Json& one) { return is_of_a_type(value, one); });
  if (type == "integer")
    return value.is_number_integer() ||
           (value.is_number_float() && value.get<double>() == std::floor(value.get<double>()));
  return type == (value.is_object()    ? "object"
                  : value.is_array()   ? "array"
                  : value.is_string()  ? "string"
                  : value.is_boolean() ? "boolean"
                  : value.is_null()    ? "null"
                                       : "number");
}

std::size_t characters(const std::string& text) { return to_code_points(text).size(); }

bool is_within(const Json& value, const Json& schema) {
  if (value.is_number()) {
    const auto number = value.get<double>();
    const auto least = least_of(schema);
    const auto most = most_of(schema);
    return (!least || number > least->value || (number == least->value && !least->open)) &&
           (!most || number < most->value || (number == most->value && !most->open));
  }
  if (!value.is_string()) return true;
  const std::size_t length = characters(value.get<std::string>());
  return (!schema.contains("minLength") || schema["minLength"] <= length) &&
         (!schema.contains("maxLength") || schema["maxLength"] >= length);
}

std::optional<NumberBound> bound(const Json& schema, const char* closed, const char* open, bool is_least) {
  std::optional<NumberBound> out;
  for (const char* key : {closed, open}) {
    const auto found = schema.find(key);
    if (found == schema.end() || !found->is_number()) continue;
    const NumberBound one{.value = found->get<double>(), .open = key == open};
    const bool narrower =
        !out || (is_least ? one.value > out->value : one.value < out->value) || (one.value == out->value && one.open);
    if (narrower) out = one;
  }
  return out;
}

bool is_in(const Json& value, const Json& schema, const char* key) {
  const auto list = schema.find(key);
  return list != schema.end() && list->is_array() && std::ranges::find(*list, value) != list->end();
}

// What all but its enum says.
bool may_be_beside_enum(const Json& value, const Json& schema) {
  if (value.is_null() && schema.contains("nullable")) return true;
  if (schema.contains("type") && !is_of_a_type(value, schema["type"])) return false;
  if (schema.contains("const") && schema["const"] != value) return false;
  return !is_in(value, schema, kOther) && is_within(value, schema);
}

}  // namespace

bool may_be(const Json& value, const Json& schema) {
  if (!schema.is_object()) return schema != false;
  const bool listed =
      !schema.contains("enum") || is_in(value, schema, "enum") || (value.is_null() && schema.contains("nullable"));
  return listed && may_be_beside_enum(value, schema);
}

std::optional<Json> allowed_values(const Json& schema) {
  if (!schema.is_object() || (!schema.contains("const") && !schema.contains("enum"))) return std::nullopt;
  Json allowed = Json::array();
  if (const auto only = schema.find("const"); only != schema.end()) {
    if (may_be(*only, schema)) allowed.push_back(*only);
    return allowed;
  }
  for (const Json& value : schema["enum"]) {
    if (may_be_beside_enum(value, schema)) allowed.push_back(value);
  }
  return allowed;
}

bool contradict_values(const Json& schema) {
  if (const auto values = allowed_values(schema)) return values->empty();
  const auto least = least_of(schema);
  const auto most = most_of(schema);
  if (!least || !most || !schema.contains("type")) return false;
  const bool number = schema["type"] == "integer" || schema["type"] == "number";
  return number && (least->value > most->value || (least->value == most->value && (least->open || most->open)));
}

std::vector<std::string> types_of(const Json& schema) {
  if (const auto type = schema.find("type"); type != schema.end()) {
    if (!type->is_array()) return {type->get<std::string>()};
    auto list = type->get<std::vector<std::string>>();
    const bool number = std::ranges::contains(list, "number");
    if (number) std::erase(list, "integer");
    return list;
  }
  const auto has = [&](std::initializer_list<const char*> keys) {
    return std::ranges::any_of(keys, [&](const char* key) { return schema.contains(key); });
  };
  if (has({"properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties",
           "maxProperties"}))
    return {"object"};
  if (has({"items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"})) return {"array"};
  if (has({"minLength", "maxLength", "pattern", "format", "contentEncoding"})) return {"string"};
  if (has({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})) return {"number"};
  return {"value"};
}

std::size_t values_in(const Json& schema) {
  std::size_t count = 1;
  if (!schema.is_structured()) return count;
  for (const Json& one : schema) count += values_in(one);
  return count;
}

std::optional<NumberBound> least_of(const Json& schema) { return bound(schema, "minimum", "exclusiveMinimum", true); }
std::optional<NumberBound> most_of(const Json& schema) { return bound(schema, "maximum", "exclusiveMaximum", false); }

}  // namespace plimsoll::grammar
