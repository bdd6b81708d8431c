#include "grammar/discriminator.hpp"

#include <string>

#include <nlohmann/json.hpp>

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

Json discriminated(const Json& branch, const std::string& member, const Json& mapping,
                   const SchemaReferences& references) {
  if (!branch.is_object() || !branch.value("$ref", Json()).is_string()) return branch;
  const auto target = branch["$ref"].get<std::string>();
  const Json* there = references.find(target);
  if (there == nullptr || !there->is_object()) return branch;
  const Json properties = there->value("properties", Json::object());
  const Json own = properties.is_object() ? properties.value(member, Json::object()) : Json::object();
  if (own.is_object() && (own.contains("const") || own.contains("enum"))) return branch;
  Json names = Json::array();
  for (const auto& [name, where] : mapping.items()) {
    if (where == target || where == target.substr(target.rfind('/') + 1)) names.push_back(name);
  }
  if (names.empty()) return branch;
  const Json named{{"properties", {{member, {{"enum", names}}}}}, {"required", Json::array({member})}};
  return {{"allOf", Json::array({branch, named})}};
}

}  // namespace

Json discriminated_branches(const Json& schema, const char* keyword, const SchemaReferences& references) {
  Json branches = schema[keyword];
  const Json discriminator = schema.value("discriminator", Json());
  if (!discriminator.is_object()) return branches;
  const Json member = discriminator.value("propertyName", Json());
  const Json mapping = discriminator.value("mapping", Json());
  if (!member.is_string() || !mapping.is_object()) return branches;
  for (Json& branch : branches) branch = discriminated(branch, member, mapping, references);
  return branches;
}

}  // namespace plimsoll::grammar
