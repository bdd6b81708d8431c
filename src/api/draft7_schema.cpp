#include "draft7_schema.hpp"

#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "grammar/discriminator.hpp"
#include "grammar/normal_schema.hpp"
#include "grammar/schema_references.hpp"

namespace plimsoll::api {
namespace {

using Ordered = nlohmann::ordered_json;
using Schema = nlohmann::json;

constexpr double kLargestStep = 9e15;
constexpr const char* kPlace = "#/definitions/";

class Draft7 {
 public:
  explicit Draft7(const Ordered& root) : root_(root), references_(root) {}

  Schema read() {
    (void)definition(root_);
    for (std::size_t i = 0; i < waiting_.size(); ++i) definitions_[name_of(i)] = converted(*waiting_[i]);
    for (std::size_t i = 0; i < waiting_.size(); ++i) break_circles(name_of(i));
    return {{"$ref", kPlace + name_of(0)}, {"definitions", definitions_}};
  }

 private:
  static std::string name_of(std::size_t index) { return "d" + std::to_string(index); }

  Schema definition(const Ordered& schema) {
    const auto [known, is_new] = names_.try_emplace(&schema, waiting_.size());
    if (is_new) waiting_.push_back(&schema);
    return {{"$ref", kPlace + name_of(known->second)}};
  }

  Schema converted(const Ordered& given) {
    grammar::SchemaNotes nobody(false);
    const Ordered normal = grammar::normal_schema(given, "", nobody);
    if (!normal.is_object()) return Schema(normal);
    Schema out = Schema::object();
    Schema also = Schema::array();  // must hold beside it
    for (const auto& [key, value] : normal.items()) add(out, also, key, value, normal);
    if (!also.empty()) {
      if (!out.empty()) also.push_back(std::move(out));
      out = also.size() == 1 ? also[0] : Schema{{"allOf", also}};
    }
    if (normal.contains("nullable")) out = {{"anyOf", {out, {{"type", "null"}}}}};
    return out;
  }

  void add(Schema& out, Schema& also, const std::string& key, const Ordered& value, const Ordered& all) {
    static const std::set<std::string> kSame{
        "type",       "enum",      "const",     "required", "minProperties", "maxProperties",    "minItems",
        "maxItems",   "minLength", "maxLength", "minimum",  "maximum",       "exclusiveMinimum", "exclusiveMaximum",
        "uniqueItems"};
    static const std::set<std::string> kOfOne{"propertyNames", "additionalItems", "not"};
    if (kSame.contains(key))
      out[key] = Schema(value);
    else if (kOfOne.contains(key))
      out[key] = converted(value);
    else if (key == "$ref")
      also.push_back(referred_to(value.get<std::string>()));
    else if (key == "allOf")
      for (const Ordered& part : value) also.push_back(converted(part));
    else if (key == "anyOf" || key == "oneOf")
      out[key] = list(grammar::discriminated_branches(all, key.c_str(), references_));
    else if (key == "properties")
      out[key] = by_name(value);
    else if (key == "dependentRequired" || key == "dependentSchemas")
      for (const auto& [name, of] : value.items())
        also.push_back({{"dependencies", {{name, key == "dependentRequired" ? Schema(of) : converted(of)}}}});
    else if (key == grammar::kConditions)
      for (const Ordered& one : value) also.push_back(by_name(one));
    else if (key == "pattern" || key == "format" || key == "contentEncoding")
      also.push_back({{"format", word(key) + value.get<std::string>()}});
    else
      add_items(out, key, value, all);
  }

  void add_items(Schema& out, const std::string& key, const Ordered& value, const Ordered& all) {
    const bool tuple = all.contains("prefixItems");
    if (key == "prefixItems")
      out["items"] = list(value);
    else if (key == "items" && value.is_array())
      out["items"] = list(value);
    else if (key == "items")
      out[tuple ? "additionalItems" : "items"] = converted(value);
    else if (key == "contains" && all.value("minContains", 1) > 0)
      out[key] = converted(value);
    else if (key == "additionalProperties" && !all.contains("patternProperties"))
      out[key] = converted(value);
    else if (key == "multipleOf" && value.get<double>() == std::floor(value.get<double>()) && value < kLargestStep)
      out[key] = value.get<std::int64_t>();
  }

  static std::string word(const std::string& key) {
    return key == "pattern" ? kPatternWord : key == "format" ? kFormatWord : kEncodingWord;
  }

  Schema referred_to(const std::string& target) {
    const Ordered* there = references_.find(target);
    return there == nullptr ? Schema(true) : definition(*there);
  }

  Schema list(const Ordered& schemas) {
    Schema out = Schema::array();
    for (const Ordered& one : schemas) out.push_back(converted(one));
    return out;
  }

  Schema by_name(const Ordered& schemas) {
    Schema out = Schema::object();
    for (const auto& [name, one] : schemas.items()) out[name] = converted(one);
    return out;
  }

  // What is reached from a definition with the same value in hand, and comes back to it, says nothing.
  void break_circles(const std::string& name) {
    std::set<std::string> path;
    if (returns(definitions_[name], name, path)) definitions_[name] = true;
  }

  bool returns(const Schema& schema, const std::string& name, std::set<std::string>& seen) {
    if (!schema.is_object()) return false;
    if (const auto found = schema.find("$ref"); found != schema.end()) {
      const std::string next = found->get<std::string>().substr(std::string_view(kPlace).size());
      if (next == name) return true;
      return seen.insert(next).second && returns(definitions_[next], name, seen);
    }
    for (const char* key : {"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependencies"}) {
      const auto found = schema.find(key);
      if (found == schema.end()) continue;
      if (returns(*found, name, seen)) return true;
      if (!found->is_structured() || std::string_view(key) == "not") continue;
      for (const Schema& part : *found) {
        if (returns(part, name, seen)) return true;
      }
    }
    return false;
  }

  const Ordered& root_;
  grammar::SchemaReferences references_;
  std::map<const Ordered*, std::size_t> names_;
  std::vector<const Ordered*> waiting_;
  Schema definitions_ = Schema::object();
};

}  // namespace

Schema draft7_schema(const Ordered& schema) { return Draft7(schema).read(); }

}  // namespace plimsoll::api
