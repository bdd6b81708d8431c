#include "schema_merge.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <set>

#include "grammar/normal_schema.hpp"
#include "schema_values.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostBranches = 64;  // of two anyOf that must both hold
constexpr std::uint64_t kLargestStep = 1'000'000;

Json as_list(const Json& value) { return value.is_array() ? value : Json::array({value}); }

Json both_types(const Json& first, const Json& second) {
  Json both = Json::array();
  for (const Json& type : as_list(first)) {
    for (const Json& other : as_list(second)) {
      const bool narrower = type == other || (type == "integer" && other == "number");
      const Json& narrow = narrower ? type : other;
      if (!narrower && !(type == "number" && other == "integer")) continue;
      if (std::ranges::find(both, narrow) == both.end()) both.push_back(narrow);
    }
  }
  return both.empty() ? Json(false) : both.size() == 1 ? both[0] : both;
}

Json in_both(const Json& first, const Json& second) {
  Json both = Json::array();
  for (const Json& value : first) {
    if (std::ranges::find(second, value) != second.end()) both.push_back(value);
  }
  return both.empty() ? Json(false) : both;
}

Json in_either(Json first, const Json& second) {
  for (const Json& value : second) {
    if (std::ranges::find(first, value) == first.end()) first.push_back(value);
  }
  return first;
}

// Each of the one with each of the other. Null: too many.
Json each_with_each(const Json& first, const Json& second) {
  if (first.size() * second.size() > kMostBranches) return nullptr;
  Json all = Json::array();
  for (const Json& one : first) {
    for (const Json& other : second) all.push_back({{"allOf", Json::array({one, other})}});
  }
  return all;
}

class Merge {
 public:
  Merge(const Json& first, const Json& second, const std::string& pointer, SchemaNotes& notes)
      : second_(second), pointer_(pointer), notes_(notes), merged_(first) {}

  Json merge() {
    open_up();
    for (const auto& [key, value] : second_.items()) {
      if (!merged_.contains(key)) {
        merged_[key] = value;
        continue;
      }
      if (merged_[key] == value) continue;
      join(key, merged_[key], value);
      if (impossible_) return false;
    }
    return contradicts() ? Json(false) : std::move(merged_);
  }

 private:
  // A closed object forbids what only the other one names: taken by its word such a schema allows nothing, and is
  // never meant so.
  void open_up() {
    if (is_named_by_other(merged_, second_) || is_named_by_other(second_, merged_))
      notes_.loosened(pointer_, "additionalProperties",
                      "it forbids what is described in another place that must hold, too");
  }

  static bool is_named_by_other(const Json& closed, const Json& other) {
    if (closed.value("additionalProperties", Json(true)) != false) return false;
    std::set<std::string> names;
    const Json mine = closed.value("properties", Json::object());
    const Json theirs = other.value("properties", Json::object());
    for (const auto& [name, schema] : mine.items()) names.insert(name);
    return std::ranges::any_of(theirs.items(),
                               [&](const auto& item) { return item.value() != false && !names.contains(item.key()); });
  }

  void keep_first(const std::string& key) {
    notes_.unchecked(pointer_, key, "it stands in two places that must both hold");
  }

  void join(const std::string& key, Json& mine, const Json& value) {
    static const std::set<std::string> kLeast{"minimum",  "exclusiveMinimum", "minLength",
                                              "minItems", "minProperties",    "minContains"};
    static const std::set<std::string> kMost{"maximum",  "exclusiveMaximum", "maxLength",
                                             "maxItems", "maxProperties",    "maxContains"};
    static const std::set<std::string> kOfMembers{"items",         "additionalProperties",  "additionalItems",
                                                  "propertyNames", "unevaluatedProperties", "unevaluatedItems"};
    if (key == "properties" || key == "patternProperties" || key == "dependentSchemas")
      mine = by_name(std::move(mine), value);
    else if (key == "required" || key == kOther)
      mine = in_either(std::move(mine), value);
    else if (key == "type")
      narrow(mine, both_types(mine, value));
    else if (key == "enum")
      narrow(mine, in_both(mine, value));
    else if (key == "const")
      impossible_ = true;
    else if (kLeast.contains(key))
      mine = std::max(mine, value);
    else if (kMost.contains(key))
      mine = std::min(mine, value);
    else if (kOfMembers.contains(key) && !mine.is_array() && !value.is_array())
      mine = both(mine, value);
    else if (key == "allOf" || key == kConditions)
      mine.insert(mine.end(), value.begin(), value.end());
    else if (key == "anyOf" || key == "oneOf")
      branches(key, mine, value);
    else if (key == "not")
      mine = {{"anyOf", Json::array({mine, value})}};
    else if (key == "dependentRequired")
      for (const auto& [name, names] : value.items()) mine[name] = in_either(mine.value(name, Json::array()), names);
    else if (key == "multipleOf")
      steps(mine, value);
    else if (key == "format" || key == "pattern" || key == "contentEncoding" || key == "contains" ||
             key == "prefixItems" || key == "items" || key == "additionalItems")
      keep_first(key);
  }

  void narrow(Json& mine, Json both) {
    impossible_ = impossible_ || both == false;
    mine = std::move(both);
  }

  static Json both(const Json& one, const Json& other) {
    if (one == true) return other;
    if (other == true) return one;
    if (one == false || other == false) return false;
    if (is_plain(one) && is_plain(other)) {  // at once, so that what contradicts itself is known here
      SchemaNotes notes(false);
      const Json first = normal_schema(one, "", notes);
      const Json second = normal_schema(other, "", notes);
      Json merged = merge_schemas(first, second, "", notes);
      if (notes.all().empty()) return merged;
    }
    if (are_disjoint(one, other)) return false;
    return {{"allOf", Json::array({one, other})}};
  }

  static bool is_plain(const Json& schema) {
    static constexpr std::array kOthers{
        "$ref", "$dynamicRef", "$recursiveRef", "allOf",        "anyOf",     "oneOf",
        "if",   "not",         "nullable",      "dependencies", kConditions, "dependentSchemas"};
    return std::ranges::none_of(kOthers, [&](const char* key) { return schema.contains(key); });
  }

  static Json by_name(Json first, const Json& second) {
    for (const auto& [name, schema] : second.items()) {
      const auto found = first.find(name);
      if (found == first.end())
        first[name] = schema;
      else if (*found != schema)
        *found = both(*found, schema);
    }
    return first;
  }

  void branches(const std::string& key, Json& mine, const Json& value) {
    Json all = each_with_each(mine, value);
    if (all.is_null()) return keep_first(key);
    mine = std::move(all);
  }

  void steps(Json& mine, const Json& value) {
    if (!mine.is_number_unsigned() || !value.is_number_unsigned() || mine > kLargestStep || value > kLargestStep)
      return keep_first("multipleOf");
    mine = std::lcm(mine.get<std::uint64_t>(), value.get<std::uint64_t>());
  }

  // A member that must be there and may not.
  [[nodiscard]] bool contradicts() const {
    if (contradict_values(merged_)) return true;
    const Json properties = merged_.value("properties", Json::object());
    for (const Json& name : merged_.value("required", Json::array())) {
      if (const auto found = properties.find(name.get<std::string>()); found != properties.end() && *found == false)
        return true;
    }
    return false;
  }

  const Json& second_;
  const std::string& pointer_;
  SchemaNotes& notes_;
  Json merged_;
  bool impossible_ = false;
};

// The one requires what the other, being closed, forbids.
bool forbids_what_is_required(const Json& closed, const Json& other) {
  const Json properties = closed.value("properties", Json::object());
  if (closed.value("additionalProperties", Json(true)) != false || closed.contains("patternProperties")) return false;
  const Json needed = other.value("required", Json::array());
  return std::ranges::any_of(needed, [&](const Json& name) { return !properties.contains(name.get<std::string>()); });
}

// Parts of parts are compared with one another, so the work is counted: what it does not get to is not told apart.
class Comparison {
 public:
  bool are_disjoint(const Json& first, const Json& second);

 private:
  bool has_disjoint_member(const Json& first, const Json& second);
  bool has_disjoint_part(const Json& whole, const Json& other);

  static constexpr int kMost = 24;
  int compared_ = 0;
};

// Of what must hold together any part is enough.
bool Comparison::has_disjoint_part(const Json& whole, const Json& other) {
  const Json parts = whole.value("allOf", Json::array());
  return parts.is_array() && std::ranges::any_of(parts, [&](const Json& part) { return are_disjoint(part, other); });
}

bool Comparison::has_disjoint_member(const Json& first, const Json& second) {
  const Json mine = first.value("properties", Json::object());
  const Json theirs = second.value("properties", Json::object());
  const Json needed = second.value("required", Json::array());
  const auto is_disjoint = [&](const Json& name) {
    const auto one = mine.find(name.get<std::string>());
    const auto other = theirs.find(name.get<std::string>());
    return one != mine.end() && other != theirs.end() && are_disjoint(*one, *other);
  };
  return std::ranges::any_of(first.value("required", Json::array()), is_disjoint) ||
         std::ranges::any_of(needed, is_disjoint);
}

bool Comparison::are_disjoint(const Json& first, const Json& second) {
  if (first == false || second == false) return true;
  if (!first.is_object() || !second.is_object()) return false;
  if (first.value("nullable", false) && second.value("nullable", false)) return false;
  if (++compared_ > kMost) return false;
  if (has_disjoint_part(first, second) || has_disjoint_part(second, first)) return true;
  SchemaNotes nobody(false);
  const Json one = normal_schema(first, "", nobody);
  const Json other = normal_schema(second, "", nobody);
  if (one.contains("type") && other.contains("type") && both_types(one["type"], other["type"]) == false) return true;
  const auto values = allowed_values(one);
  const auto others = allowed_values(other);
  if (values && others && in_both(*values, *others) == false) return true;
  for (const auto& [mine, theirs] : {std::pair{&values, &other}, std::pair{&others, &one}}) {
    if (!*mine) continue;
    const bool none = std::ranges::none_of(**mine, [&](const Json& value) { return may_be(value, *theirs); });
    if (none) return true;
  }
  const bool objects = one.value("type", Json()) == "object" || other.value("type", Json()) == "object";
  return objects && (has_disjoint_member(one, other) || forbids_what_is_required(one, other) ||
                     forbids_what_is_required(other, one));
}

}  // namespace

Json merge_schemas(const Json& first, const Json& second, const std::string& pointer, SchemaNotes& notes) {
  if (first == false || second == false) return false;
  if (first == true) return second;
  if (second == true) return first;
  return Merge(first, second, pointer, notes).merge();
}

bool are_disjoint(const Json& first, const Json& second) { return Comparison().are_disjoint(first, second); }

}  // namespace plimsoll::grammar
