#include "json_schema_merge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include <plimsoll/base/error.hpp>

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

[[noreturn]] void cannot(const std::string& keyword, const std::string& pointer) {
  throw Error(ErrorCode::unsupported,
              fmt::format("the schema's {} at '{}' stands in two places that must both hold", keyword, pointer));
}

Json as_list(const Json& value) { return value.is_array() ? value : Json::array({value}); }

Json both_types(const Json& first, const Json& second, const std::string& pointer) {
  Json both = Json::array();
  for (const Json& type : as_list(first)) {
    for (const Json& other : as_list(second)) {
      if (type == other || (type == "integer" && other == "number")) both.push_back(type);
      if (type == "number" && other == "integer") both.push_back(other);
    }
  }
  if (both.empty()) cannot("type", pointer);
  return both.size() == 1 ? both[0] : both;
}

Json in_both(const Json& first, const Json& second, const std::string& pointer) {
  Json both = Json::array();
  for (const Json& value : first) {
    if (std::ranges::find(second, value) != second.end()) both.push_back(value);
  }
  if (both.empty()) cannot("enum", pointer);
  return both;
}

Json in_either(Json first, const Json& second) {
  for (const Json& value : second) {
    if (std::ranges::find(first, value) == first.end()) first.push_back(value);
  }
  return first;
}

Json both_properties(Json first, const Json& second, const std::string& pointer) {
  for (const auto& [name, schema] : second.items()) {
    if (!first.contains(name)) {
      first[name] = schema;
    } else if (first[name] != schema) {
      if (!first[name].is_object() || !schema.is_object()) cannot("properties/" + name, pointer);
      first[name] = merge_schemas(first[name], schema, pointer + "/properties/" + name);
    }
  }
  return first;
}

// A closed object forbids what only the other one names.
void check_closed(const Json& closed, const Json& other, const std::string& pointer) {
  if (!closed.contains("additionalProperties") || closed["additionalProperties"] == true) return;
  for (const auto& [name, schema] : other.value("properties", Json::object()).items()) {
    if (!closed.value("properties", Json::object()).contains(name)) cannot("additionalProperties", pointer);
  }
}

}  // namespace

bool is_annotation(const std::string& keyword) {
  static const std::set<std::string> kWords{"title",    "description", "default", "examples",   "example",
                                            "$schema",  "$id",         "id",      "$comment",   "deprecated",
                                            "readOnly", "writeOnly",   "$defs",   "definitions"};
  return kWords.contains(keyword) || keyword.starts_with("x-");
}

Json merge_schemas(const Json& first, const Json& second, const std::string& pointer) {
  check_closed(first, second, pointer);
  check_closed(second, first, pointer);
  Json merged = first;
  for (const auto& [key, value] : second.items()) {
    if (!merged.contains(key)) merged[key] = value;
    if (is_annotation(key)) continue;
    Json& mine = merged[key];
    if (mine == value) continue;
    if (key == "properties") {
      mine = both_properties(mine, value, pointer);
    } else if (key == "required") {
      mine = in_either(mine, value);
    } else if (key == "type") {
      mine = both_types(mine, value, pointer);
    } else if (key == "enum") {
      mine = in_both(mine, value, pointer);
    } else if ((key == "minimum" || key == "minLength" || key == "minItems") && mine.is_number() && value.is_number()) {
      mine = std::max(mine, value);
    } else if ((key == "maximum" || key == "maxLength" || key == "maxItems") && mine.is_number() && value.is_number()) {
      mine = std::min(mine, value);
    } else {
      cannot(key, pointer);
    }
  }
  return merged;
}

}  // namespace plimsoll::grammar
