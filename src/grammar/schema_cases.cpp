#include "schema_cases.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>

#include "grammar/normal_schema.hpp"
#include "schema_merge.hpp"
#include "schema_values.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;
using Parts = std::optional<std::vector<Json>>;

constexpr std::size_t kMostParts = 64;

Json all_of(Json one, const Json& other) {
  if (other == true || other.is_null()) return one;
  return {{"allOf", Json::array({std::move(one), other})}};
}

Json without(const std::string& member) { return {{"properties", {{member, false}}}}; }

// What one keyword's value says, negated. The keywords of a schema are joined by "and", so each of these is enough.
class Negation {
 public:
  Parts of(const Json& schema) {
    for (const auto& [key, value] : schema.items()) {
      if (!add(key, value) || parts_.size() > kMostParts) return std::nullopt;
    }
    return std::move(parts_);
  }

 private:
  bool add(const std::string& key, const Json& value) {
    if (key == "const") return push({{kOther, Json::array({value})}});
    if (key == "enum") return push({{kOther, value}});
    if (key == "type") return of_type(value);
    if (key == "required") {
      for (const Json& name : value) parts_.push_back(without(name));
      return true;
    }
    if (key == "properties") return of_properties(value);
    if (key == "not") return push(value);
    if (key == "allOf" || key == "anyOf") return of_branches(value, key == "anyOf");
    if (key == "minimum") return push({{"exclusiveMaximum", value}});
    if (key == "maximum") return push({{"exclusiveMinimum", value}});
    if (key == "exclusiveMinimum") return push({{"maximum", value}});
    if (key == "exclusiveMaximum") return push({{"minimum", value}});
    return of_count(key, value);
  }

  bool push(Json part) {
    parts_.push_back(std::move(part));
    return true;
  }

  bool of_type(const Json& value) {
    Json others = Json::array({"object", "array", "string", "number", "boolean", "null"});
    for (const Json& type : value.is_array() ? value : Json::array({value})) {
      if (type == "integer") return false;  // what remains of the numbers has no name
      others.erase(std::remove(others.begin(), others.end(), type), others.end());
    }
    return others.empty() || push({{"type", others}});
  }

  bool of_properties(const Json& value) {
    for (const auto& [name, schema] : value.items()) {
      const Parts parts = negation_of(schema);
      if (!parts) return false;
      for (const Json& part : *parts)
        parts_.push_back({{"properties", {{name, part}}}, {"required", Json::array({name})}});
    }
    return true;
  }

  // None of an anyOf: the negations of all of them, each of which is one schema. One of an allOf: that of any.
  bool of_branches(const Json& value, bool any) {
    Json all = Json::array();
    for (const Json& branch : value) {
      const Parts parts = negation_of(branch);
      if (!parts || (any && parts->size() > 1)) return false;
      if (any && parts->empty()) return true;  // the branch allows all, so its negation nothing
      if (any)
        all.push_back(parts->front());
      else
        parts_.insert(parts_.end(), parts->begin(), parts->end());
    }
    return !any || push({{"allOf", std::move(all)}});
  }

  bool of_count(const std::string& key, const Json& value) {
    for (const char* of : {"Length", "Items", "Properties"}) {
      const auto count = value.is_number_unsigned() || value.is_number_integer() ? value.get<std::uint64_t>() : 0;
      if (key == std::string("min") + of) return count == 0 || push({{std::string("max") + of, count - 1}});
      if (key == std::string("max") + of) return push({{std::string("min") + of, count + 1}});
    }
    return false;
  }

  std::vector<Json> parts_;
};

Parts of_condition(const Json& condition) {
  Parts parts = negation_of(condition["if"]);
  if (!parts) return std::nullopt;
  for (Json& part : *parts) part = all_of(std::move(part), condition.value("else", Json(true)));
  parts->insert(parts->begin(), all_of(condition["if"], condition.value("then", Json(true))));
  return parts;
}

// What the schema says of those members that the condition speaks of.
Json facts_for(const Json& condition, const Json& schema) {
  Json facts = Json::object();
  for (const char* key : {"type", "required"}) {
    if (schema.contains(key)) facts[key] = schema[key];
  }
  const Json mine = schema.value("properties", Json::object());
  const Json theirs = condition.is_object() ? condition.value("properties", Json::object()) : Json::object();
  for (const auto& [name, of] : theirs.items()) {
    if (const auto found = mine.find(name); found != mine.end()) facts["properties"][name] = *found;
  }
  return facts;
}

bool has_only(const Json& schema, std::initializer_list<std::string_view> keys) {
  return schema.is_object() && std::ranges::all_of(schema.items(), [&](const auto& item) {
           return std::ranges::contains(keys, std::string_view(item.key())) || is_annotation(item.key());
         });
}

bool lists_values(const Json& schema) {
  if (!has_only(schema, {"const", "enum", kOther, "type"})) return false;
  const Json* const type = schema.contains("type") ? &schema["type"] : nullptr;
  return (!schema.contains("enum") || schema["enum"].is_array()) && (type == nullptr || *type == "string");
}

// Of the form that most have: members with one value each, of what lists its values here. Empty: it is another form.
std::optional<bool> has_ruled_out_value(const Json& condition, const Json& schema) {
  if (!has_only(condition, {"properties", "required"})) return std::nullopt;
  const auto mine = schema.find("properties");
  const auto theirs = condition.find("properties");
  const auto needed = condition.find("required");
  if (mine == schema.end() || theirs == condition.end() || !theirs->is_object()) return std::nullopt;
  if (needed == condition.end() || !needed->is_array()) return std::nullopt;
  bool ruled_out = false;
  for (const auto& [name, of] : theirs->items()) {
    const auto found = mine->find(name);
    if (!has_only(of, {"const"}) || !of.contains("const") || found == mine->end() || !lists_values(*found) ||
        !std::ranges::contains(*needed, Json(name)))
      return std::nullopt;
    ruled_out = ruled_out || !may_be(of["const"], *found);
  }
  return ruled_out;
}

bool cannot_hold(const Json& condition, const Json& schema) {
  const auto known = has_ruled_out_value(condition, schema);  // without a copy of anything
  return known ? *known : are_disjoint(facts_for(condition, schema), condition);
}

// Conditions that cannot hold here are their `else`, or nothing: of many on the same member most are decided by one.
void drop_decided(Json& schema) {
  Json left = Json::array();
  Json otherwise = Json::array();
  for (Json& condition : schema[kConditions]) {
    if (!cannot_hold(condition["if"], schema))
      left.push_back(std::move(condition));
    else if (condition.contains("else"))
      otherwise.push_back(std::move(condition["else"]));
  }
  if (left.empty())
    schema.erase(kConditions);
  else
    schema[kConditions] = std::move(left);
  if (!otherwise.empty()) schema["allOf"] = std::move(otherwise);
}

// The first member of an object, or of a list, and the schema without it.
Json take_first(Json& rest, const char* key) {
  Json& all = rest[key];
  Json first = all.is_array() ? all.front() : Json{{"name", all.begin().key()}, {"value", all.begin().value()}};
  if (all.size() == 1)
    rest.erase(key);
  else
    all.erase(all.begin());
  return first;
}

}  // namespace

Parts negation_of(const Json& schema) {
  SchemaNotes nobody(false);
  const Json normal = normal_schema(schema, "", nobody);
  if (!nobody.all().empty()) return std::nullopt;
  if (normal == true || normal == Json::object()) return std::vector<Json>{};
  if (normal == false) return std::vector<Json>{true};
  return Negation().of(normal);
}

std::optional<SchemaCases> next_cases(const Json& schema) {
  static constexpr std::array kOfCases{kConditions, "dependentRequired", "dependentSchemas", "not"};
  if (std::ranges::none_of(kOfCases, [&](const char* key) { return schema.contains(key); })) return std::nullopt;
  SchemaCases out{.rest = schema};
  if (out.rest.contains(kConditions)) drop_decided(out.rest);
  if (schema.contains(kConditions) && !out.rest.contains(kConditions)) {
    out.keyword = "if";
    out.parts = {true};
  } else if (schema.contains(kConditions)) {
    out.keyword = "if";
    out.parts = of_condition(take_first(out.rest, kConditions));
  } else if (schema.contains("dependentRequired")) {
    out.keyword = "dependentRequired";
    const Json first = take_first(out.rest, "dependentRequired");
    Json names = first["value"];
    names.insert(names.begin(), first["name"]);
    out.parts = {without(first["name"]), {{"required", std::move(names)}}};
  } else if (schema.contains("dependentSchemas")) {
    out.keyword = "dependentSchemas";
    const Json first = take_first(out.rest, "dependentSchemas");
    out.parts = {without(first["name"]), all_of({{"required", Json::array({first["name"]})}}, first["value"])};
  } else {
    out.keyword = "not";
    out.parts = negation_of(schema["not"]);
    out.rest.erase("not");
  }
  return out;
}

}  // namespace plimsoll::grammar
