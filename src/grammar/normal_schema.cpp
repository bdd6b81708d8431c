#include "grammar/normal_schema.hpp"
#include "base/lower_case.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "grammar/formats.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

bool is_schema(const Json& value) { return value.is_object() || value.is_boolean(); }

// One schema on its way into its normal form.
class Normal {
 public:
  Normal(const Json& schema, const std::string& pointer, SchemaNotes& notes)
      : in_(schema), pointer_(pointer), notes_(notes), out_(Json::object()) {}

  Json read() {
    for (const auto& [key, value] : in_.items()) {
      const auto known = keywords().find(key);
      if (known != keywords().end())
        (this->*known->second)(key, value);
      else if (!is_annotation(key))
        notes_.loosened(pointer_, key, "this keyword is not known");
    }
    join_exclusive("minimum", "exclusiveMinimum", true);
    join_exclusive("maximum", "exclusiveMaximum", false);
    add_condition();
    close();
    return std::move(out_);
  }

 private:
  using Keyword = void (Normal::*)(const std::string&, const Json&);

  static const std::map<std::string, Keyword>& keywords();

  void wrong(const std::string& key, const std::string& what) { notes_.wrong(pointer_, key, what); }

  void keep(const std::string& key, const Json& value) { out_[key] = value; }

  void type(const std::string& key, const Json& value) {
    static const std::set<std::string> kTypes{"object", "array", "string", "number", "integer", "boolean", "null"};
    Json list = Json::array();
    for (const Json& one : value.is_array() ? value : Json::array({value})) {
      const std::string name = lower_case(one.is_string() ? one.get<std::string>() : "");
      if (kTypes.contains(name))
        list.push_back(name);
      else
        wrong(key, fmt::format("has an unknown type {}", one.dump()));
    }
    if (value.is_array() && value.empty()) wrong(key, "allows nothing: its list of types is empty");
    if (!list.empty()) out_[key] = list.size() == 1 ? list[0] : list;
  }

  void values(const std::string& key, const Json& value) {
    if (!value.is_array()) return wrong(key, "has an enum that is not a list");
    if (value.empty()) return wrong(key, "allows nothing: its enum is empty");
    out_[key] = value;
  }

  void schema(const std::string& key, const Json& value) {
    if (!is_schema(value)) return wrong(key, fmt::format("has {} that is not a schema", key));
    out_[key] = value;
  }

  void items(const std::string& key, const Json& value) {
    if (value.is_array()) return schema_list(value.empty() ? "" : key, value);
    schema(key, value);
  }

  void schema_list(const std::string& key, const Json& value) {
    if (key.empty()) return;
    if (!value.is_array() || value.empty()) return wrong(key, fmt::format("has an empty {}", key));
    Json list = Json::array();
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (!is_schema(value[i]))
        notes_.wrong(pointer_to(pointer_to(pointer_, key), std::to_string(i)), "",
                     fmt::format("has {} that is not a schema", value[i].dump().substr(0, 32)));
      list.push_back(is_schema(value[i]) ? value[i] : Json(true));
    }
    out_[key] = std::move(list);
  }

  void schemas_by_name(const std::string& key, const Json& value) {
    if (!value.is_object()) return wrong(key, fmt::format("has {} that are not an object", key));
    Json checked = value;
    for (auto& [name, one] : checked.items()) {
      if (key == "properties" && one.is_object() && one.value("required", Json()) == true) required_.push_back(name);
      if (is_schema(one)) continue;
      notes_.wrong(pointer_to(pointer_to(pointer_, key), name), "", "is neither an object nor true");
      one = true;
    }
    out_[key] = std::move(checked);
  }

  void names(const std::string& key, const Json& value) {
    if (value.is_boolean()) return;  // draft 3's: the object's affair
    if (!value.is_array()) return wrong(key, fmt::format("has {} that is not a list", key));
    for (const Json& name : value) {
      if (!name.is_string())
        wrong(key, "requires a member whose name is not a text");
      else
        required_.push_back(name);
    }
  }

  void names_by_name(const std::string& key, const Json& value) {
    if (!value.is_object()) return wrong(key, fmt::format("has {} that is not an object", key));
    for (const auto& [name, list] : value.items()) {
      const bool texts = list.is_array() && std::ranges::all_of(list, [](const Json& one) { return one.is_string(); });
      if (texts)
        out_["dependentRequired"][name] = list;
      else if (key == "dependencies" && is_schema(list))
        out_["dependentSchemas"][name] = list;
      else
        notes_.wrong(pointer_to(pointer_, key), name, "is not a list of names");
    }
  }

  void bound(const std::string& key, const Json& value) {
    if (value.is_number() || (value.is_boolean() && key.starts_with("exclusive")))
      out_[key] = value;
    else
      wrong(key, fmt::format("has a {} that is not a number", key));
  }

  void step(const std::string& key, const Json& value) {
    if (!value.is_number() || !(value.get<double>() > 0))
      return wrong(key, "has a multipleOf that is not a number above 0");
    out_[key] = value;
  }

  void count(const std::string& key, const Json& value) {
    const bool whole = value.is_number_unsigned() || (value.is_number_integer() && value >= 0);
    const bool as_real = value.is_number_float() && value.get<double>() >= 0 && value.get<double>() < 9e15 &&
                         value.get<double>() == static_cast<double>(static_cast<std::uint64_t>(value.get<double>()));
    if (!whole && !as_real) return wrong(key, fmt::format("has a {} that is not a count", key));
    out_[key] = as_real ? Json(static_cast<std::uint64_t>(value.get<double>())) : value;
  }

  void flag(const std::string& key, const Json& value) {
    if (!value.is_boolean()) return wrong(key, fmt::format("has a {} that is neither true nor false", key));
    if (value == true) out_[key] = true;
  }

  void text(const std::string& key, const Json& value) {
    if (!value.is_string()) return wrong(key, fmt::format("has a {} that is not a text", key));
    out_[key] = value;
  }

  void reference(const std::string& key, const Json& value) {
    if (!value.is_string()) return wrong(key, fmt::format("has a {} that is not a text", key));
    out_["$ref"] = value;
  }

  void encoding(const std::string& key, const Json& value) {
    if (!value.is_string()) return wrong(key, fmt::format("has a {} that is not a text", key));
    if (pattern_of_encoding(value.get<std::string>()).empty())
      return notes_.loosened(pointer_, key, fmt::format("'{}' is not known", value.get<std::string>()));
    out_[key] = value;
  }

  void format(const std::string& key, const Json& value) {
    if (!value.is_string()) return wrong(key, "has a format that is not a text");
    const auto name = value.get<std::string>();
    if (name == "int32" || name == "uint32" || name == "int64" || name == "uint64") {
      const bool is_signed = name.front() == 'i';
      if (name.ends_with("32")) {
        least_of_format_ = is_signed ? std::numeric_limits<std::int32_t>::min() : 0;
        most_of_format_ =
            is_signed ? std::numeric_limits<std::int32_t>::max() : std::numeric_limits<std::uint32_t>::max();
      } else if (!is_signed) {
        least_of_format_ = 0;
      }
    } else if (!pattern_of_format(name).empty()) {
      out_[key] = value;
    } else if (!is_free_format(name)) {
      notes_.loosened(pointer_, key, fmt::format("the format '{}' is not known", name));
    }
  }

  void condition(const std::string& key, const Json& value) {
    if (!is_schema(value)) return wrong(key, fmt::format("has {} that is not a schema", key));
    condition_[key] = value;
  }

  // Draft 4: true makes the bound beside it open.
  void join_exclusive(const char* closed, const char* open, bool is_least) {
    const auto exclusive = out_.find(open);
    if (exclusive != out_.end() && exclusive->is_boolean()) {
      const bool is_open = *exclusive == true;
      out_.erase(open);
      if (is_open && out_.contains(closed)) {
        out_[open] = out_[closed];
        out_.erase(closed);
      }
    }
    const auto& of_format = is_least ? least_of_format_ : most_of_format_;
    if (!of_format) return;
    const bool is_given = out_.contains(closed) || out_.contains(open);
    if (!is_given) out_[closed] = *of_format;
  }

  void add_condition() {
    if (!condition_.contains("if") || (!condition_.contains("then") && !condition_.contains("else"))) return;
    Json list = out_.value(kConditions, Json::array());
    list.push_back(condition_);
    out_[kConditions] = std::move(list);
  }

  void close() {
    if (!required_.empty()) {
      std::set<std::string> seen;
      Json list = Json::array();
      for (const std::string& name : required_) {
        if (seen.insert(name).second) list.push_back(name);
      }
      out_["required"] = std::move(list);
    }
    // Alone it says what additionalProperties says; beside others it is read once they are joined.
    static const std::set<std::string> kJoined{"$ref", "allOf", "anyOf", "oneOf", "dependentSchemas", kConditions};
    const bool joined = std::ranges::any_of(kJoined, [this](const std::string& key) { return out_.contains(key); });
    for (const auto& [late, early] : {std::pair{"unevaluatedProperties", "additionalProperties"},
                                      std::pair{"unevaluatedItems", out_.contains("prefixItems") ? "items" : ""}}) {
      if (joined || !out_.contains(late)) continue;
      const Json value = out_[late];
      out_.erase(late);
      if (*early != '\0' && !out_.contains(early)) out_[early] = value;
    }
  }

  const Json& in_;
  const std::string& pointer_;
  SchemaNotes& notes_;
  Json out_;
  Json condition_ = Json::object();
  std::vector<std::string> required_;
  std::optional<std::int64_t> least_of_format_;
  std::optional<std::int64_t> most_of_format_;
};

const std::map<std::string, Normal::Keyword>& Normal::keywords() {
  static const std::map<std::string, Keyword> kKeywords{
      {"type", &Normal::type},
      {"enum", &Normal::values},
      {"const", &Normal::keep},
      {"nullable", &Normal::flag},
      {"$ref", &Normal::reference},
      {"$dynamicRef", &Normal::reference},
      {"$recursiveRef", &Normal::reference},
      {"properties", &Normal::schemas_by_name},
      {"patternProperties", &Normal::schemas_by_name},
      {"dependentSchemas", &Normal::schemas_by_name},
      {"required", &Normal::names},
      {"dependentRequired", &Normal::names_by_name},
      {"dependencies", &Normal::names_by_name},
      {"additionalProperties", &Normal::schema},
      {"unevaluatedProperties", &Normal::schema},
      {"propertyNames", &Normal::schema},
      {"minProperties", &Normal::count},
      {"maxProperties", &Normal::count},
      {"items", &Normal::items},
      {"prefixItems", &Normal::schema_list},
      {"additionalItems", &Normal::schema},
      {"unevaluatedItems", &Normal::schema},
      {"contains", &Normal::schema},
      {"minContains", &Normal::count},
      {"maxContains", &Normal::count},
      {"uniqueItems", &Normal::flag},
      {"minItems", &Normal::count},
      {"maxItems", &Normal::count},
      {"minLength", &Normal::count},
      {"maxLength", &Normal::count},
      {"pattern", &Normal::text},
      {"format", &Normal::format},
      {"contentEncoding", &Normal::encoding},
      {"minimum", &Normal::bound},
      {"maximum", &Normal::bound},
      {"exclusiveMinimum", &Normal::bound},
      {"exclusiveMaximum", &Normal::bound},
      {"multipleOf", &Normal::step},
      {"allOf", &Normal::schema_list},
      {"anyOf", &Normal::schema_list},
      {"oneOf", &Normal::schema_list},
      {"not", &Normal::schema},
      {"if", &Normal::condition},
      {"then", &Normal::condition},
      {"else", &Normal::condition},
      {"discriminator", &Normal::keep},
      {kConditions, &Normal::keep},
      {kOther, &Normal::keep},
  };
  return kKeywords;
}

}  // namespace

Json normal_schema(const Json& schema, const std::string& pointer, SchemaNotes& notes) {
  if (schema.is_boolean()) return schema;
  if (!schema.is_object()) {
    notes.wrong(pointer, "", "is neither an object nor true");
    return true;
  }
  return Normal(schema, pointer, notes).read();
}

bool is_annotation(const std::string& keyword) {
  static const std::set<std::string> kWords{"title",
                                            "description",
                                            "default",
                                            "examples",
                                            "example",
                                            "$schema",
                                            "$id",
                                            "id",
                                            "$comment",
                                            "deprecated",
                                            "readOnly",
                                            "writeOnly",
                                            "$defs",
                                            "definitions",
                                            "$anchor",
                                            "$vocabulary",
                                            "$dynamicAnchor",
                                            "$recursiveAnchor",
                                            "contentSchema",
                                            "contentMediaType",
                                            "externalDocs",
                                            "xml",
                                            "enumNames",
                                            "enumDescriptions",
                                            "propertyOrdering",
                                            "markdownDescription",
                                            "errorMessage",
                                            "name",
                                            "strict",
                                            "components"};
  return kWords.contains(keyword) || keyword.starts_with("x-");
}

}  // namespace plimsoll::grammar
