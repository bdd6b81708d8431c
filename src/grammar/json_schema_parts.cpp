#include "json_schema_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include <plimsoll/base/error.hpp>

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kSixteenDigits = 9'999'999'999'999'999;
constexpr std::uint64_t kMostRepetitions = 2000;  // the engine's own limit
bool is_of_a_type(const Json& value, const Json& type) {
  if (type.is_array()) return std::ranges::any_of(type, [&](const Json& one) { return is_of_a_type(value, one); });
  if (type == "integer") return value.is_number_integer();
  return type == (value.is_object()    ? "object"
                  : value.is_array()   ? "array"
                  : value.is_string()  ? "string"
                  : value.is_boolean() ? "boolean"
                  : value.is_null()    ? "null"
                                       : "number");
}

std::optional<double> bound(const Json& schema, const char* key, const std::string& pointer) {
  const auto found = schema.find(key);
  if (found == schema.end() || found->is_boolean()) return std::nullopt;
  if (!found->is_number()) schema_wrong(pointer, fmt::format("has a {} that is no number", key));
  return found->get<double>();
}

std::int64_t whole(const Json& value, const std::string& pointer, bool up) {
  constexpr double kLimit = 9.0e18;
  if (value.is_number_integer() &&
      !(value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{1} << 62U))
    return std::clamp<std::int64_t>(value.get<std::int64_t>(), -(std::int64_t{1} << 62U), std::int64_t{1} << 62U);
  const double real = value.get<double>();
  if (!(std::abs(real) < kLimit)) schema_unsupported("bound", pointer, fmt::format("{} is too large", value.dump()));
  return static_cast<std::int64_t>(up ? std::ceil(real) : std::floor(real));
}

}  // namespace

[[noreturn]] void schema_unsupported(const std::string& keyword, const std::string& pointer, const std::string& more) {
  throw Error(ErrorCode::unsupported, fmt::format("a grammar cannot be made of the schema's {} at '{}'{}{}", keyword,
                                                  pointer, more.empty() ? "" : ": ", more));
}

[[noreturn]] void schema_wrong(const std::string& pointer, const std::string& what) {
  throw Error(ErrorCode::usage, fmt::format("the schema at '{}' {}", pointer, what));
}

std::vector<std::string> schema_literals(const Json& schema, const std::string& pointer) {
  for (const char* other : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength",
                            "pattern", "format", "properties", "items", "required"}) {
    if (schema.contains(other)) schema_unsupported(other, pointer + "/" + other, "beside const or enum");
  }
  const Json values = schema.contains("const") ? Json::array({schema["const"]}) : schema["enum"];
  if (!values.is_array()) schema_wrong(pointer, "has an enum that is no list");
  std::vector<std::string> literals;
  for (const Json& value : values) {
    if (schema.contains("const") && schema.contains("enum") &&
        std::ranges::find(schema["enum"], value) == schema["enum"].end())
      continue;
    if (!schema.contains("type") || is_of_a_type(value, schema["type"])) literals.push_back(gbnf_literal(value.dump()));
  }
  if (literals.empty()) schema_wrong(pointer, "allows nothing: no value of its enum is of its type");
  return literals;
}

std::vector<std::string> schema_types(const Json& schema, const std::string& pointer) {
  static const std::set<std::string> kTypes{"object", "array", "string", "number", "integer", "boolean", "null"};
  if (const auto type = schema.find("type"); type != schema.end()) {
    std::vector<std::string> list;
    for (const Json& one : type->is_array() ? *type : Json::array({*type})) {
      if (!one.is_string() || !kTypes.contains(one.get<std::string>()))
        schema_wrong(pointer, fmt::format("has a type {} that is none", one.dump()));
      list.push_back(one);
    }
    if (list.empty()) schema_wrong(pointer, "allows nothing: its list of types is empty");
    return list;
  }
  const auto has = [&](std::initializer_list<const char*> keys) {
    return std::ranges::any_of(keys, [&](const char* key) { return schema.contains(key); });
  };
  if (has({"properties", "required", "additionalProperties"})) return {"object"};
  if (has({"items", "prefixItems", "minItems", "maxItems"})) return {"array"};
  if (has({"minLength", "maxLength", "pattern", "format"})) return {"string"};
  if (has({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})) return {"number"};
  return {"value"};
}

std::pair<std::uint64_t, std::optional<std::uint64_t>> schema_sizes(const Json& schema, const char* least_key,
                                                                    const char* most_key, const std::string& pointer) {
  const auto read = [&](const char* key) -> std::optional<std::uint64_t> {
    const auto found = schema.find(key);
    if (found == schema.end()) return std::nullopt;
    if (!found->is_number_unsigned() && !(found->is_number_integer() && *found >= 0))
      schema_wrong(pointer, fmt::format("has a {} that is no count", key));
    const auto value = found->get<std::uint64_t>();
    if (value > kMostRepetitions)
      schema_unsupported(key, pointer + "/" + key, fmt::format("{} is above the engine's {}", value, kMostRepetitions));
    return value;
  };
  const std::uint64_t least = read(least_key).value_or(0);
  const std::optional<std::uint64_t> most = read(most_key);
  if (most && *most < least) schema_wrong(pointer, fmt::format("allows nothing: {} is below {}", most_key, least_key));
  return {least, most};
}

std::string schema_integer(GbnfRules& rules, const Json& schema, const std::string& pointer) {
  std::optional<std::int64_t> least;
  std::optional<std::int64_t> most;
  const auto keep_least = [&](std::int64_t value) { least = std::max(least.value_or(value), value); };
  const auto keep_most = [&](std::int64_t value) { most = std::min(most.value_or(value), value); };
  if (bound(schema, "minimum", pointer)) {
    const std::int64_t value = whole(schema["minimum"], pointer, true);
    keep_least(schema.value("exclusiveMinimum", Json()) == true && schema["minimum"] == value ? value + 1 : value);
  }
  if (bound(schema, "maximum", pointer)) {
    const std::int64_t value = whole(schema["maximum"], pointer, false);
    keep_most(schema.value("exclusiveMaximum", Json()) == true && schema["maximum"] == value ? value - 1 : value);
  }
  if (bound(schema, "exclusiveMinimum", pointer)) {
    const std::int64_t value = whole(schema["exclusiveMinimum"], pointer, true);
    keep_least(schema["exclusiveMinimum"] == value ? value + 1 : value);
  }
  if (bound(schema, "exclusiveMaximum", pointer)) {
    const std::int64_t value = whole(schema["exclusiveMaximum"], pointer, false);
    keep_most(schema["exclusiveMaximum"] == value ? value - 1 : value);
  }
  if (!least && !most) return rules.json("integer");
  const std::int64_t from = least.value_or(std::min(-kSixteenDigits, most.value_or(0)));
  const std::int64_t to = most.value_or(std::max(kSixteenDigits, from));
  if (from > to) schema_wrong(pointer, fmt::format("allows nothing: there is no integer from {} to {}", from, to));
  return gbnf_integers(from, to);
}

}  // namespace plimsoll::grammar
