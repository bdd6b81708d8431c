#include "grammar/json_schema.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include <plimsoll/base/error.hpp>

#include "gbnf_rules.hpp"
#include "json_schema_merge.hpp"
#include "json_schema_parts.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDeepest = 200;
constexpr int kMost = 5000;  // expressions, those that are made anew counted each time

class SchemaReader {
 public:
  explicit SchemaReader(const Json& root) : root_(root) {}

  std::string read() {
    const std::string root = rules_.reserve("root");
    by_pointer_["#"] = root;
    const std::string body = expression(root_, "#", "root");
    if (body == root) schema_wrong("#", "refers to itself and to nothing else");
    rules_.set(root, body);
    return rules_.text();
  }

 private:
  // What stands for the schema in another rule's body. `name` is for rules that it needs.
  std::string expression(const Json& schema, const std::string& pointer, const std::string& name) {
    if (schema == true) return rules_.json("value");
    if (!schema.is_object())
      schema_wrong(pointer, schema == false ? "allows nothing" : "is neither an object nor true");
    if (++depth_ > kDeepest) schema_unsupported("nesting", pointer, "it is too deep");
    // A place that is referred to with something beside it is made anew each time: a chain of those doubles at each
    // link.
    if (++made_ > kMost) schema_unsupported("size", pointer, "it comes to too large a grammar");
    std::string made = schema.contains("$ref")    ? reference(schema, pointer, name)
                       : schema.contains("allOf") ? all_of(schema, pointer, name)
                       : schema.contains("anyOf") ? any_of("anyOf", schema, pointer, name)
                       : schema.contains("oneOf") ? any_of("oneOf", schema, pointer, name)
                                                  : plain(schema, pointer, name);
    --depth_;
    return made;
  }

  const Json& resolve(const std::string& target, const std::string& pointer) {
    if (!target.starts_with('#'))
      schema_unsupported("$ref", pointer, "only places of the same schema can be referred to");
    try {
      return root_.at(Json::json_pointer(target.substr(1)));
    } catch (const Json::exception&) {
      schema_wrong(pointer, fmt::format("refers to '{}', which is not there", target));
    }
  }

  std::string reference(const Json& schema, const std::string& pointer, const std::string& name) {
    if (!schema["$ref"].is_string()) schema_wrong(pointer, "has a $ref that is no text");
    const auto target = schema["$ref"].get<std::string>();
    Json beside = schema;
    beside.erase("$ref");
    const Json& there = resolve(target, pointer);
    const bool alone = std::ranges::all_of(beside.items(), [](const auto& item) { return is_annotation(item.key()); });
    if (!alone) {
      if (!there.is_object()) schema_unsupported("$ref", pointer, "what stands beside it cannot be joined with it");
      return expression(merge_schemas(there, beside, pointer), pointer, name);
    }
    const auto known = by_pointer_.find(target);
    if (known != by_pointer_.end()) return known->second;
    const std::string rule = rules_.reserve(target.substr(target.rfind('/') + 1));
    by_pointer_[target] = rule;
    const std::string body = expression(there, target, rule);
    if (body == rule) schema_wrong(pointer, "refers to itself and to nothing else");
    rules_.set(rule, body);
    return rule;
  }

  std::string all_of(const Json& schema, const std::string& pointer, const std::string& name) {
    Json merged = schema;
    merged.erase("allOf");
    for (const Json& part : branches(schema, "allOf", pointer)) {
      Json whole = part;
      // A reference can be joined only with what it stands for.
      for (int i = 0; whole.is_object() && whole.contains("$ref"); ++i) {
        if (i > kDeepest) schema_wrong(pointer, "refers to itself and to nothing else");
        Json beside = whole;
        beside.erase("$ref");
        whole = merge_schemas(resolve(whole["$ref"].get<std::string>(), pointer), beside, pointer);
      }
      if (whole == true) continue;
      if (!whole.is_object()) schema_wrong(pointer + "/allOf", "allows nothing");
      merged = merge_schemas(merged, whole, pointer);
    }
    return expression(merged, pointer, name);
  }

  std::string any_of(const char* keyword, const Json& schema, const std::string& pointer, const std::string& name) {
    Json beside = schema;
    beside.erase(keyword);
    const bool alone = std::ranges::all_of(beside.items(), [](const auto& item) { return is_annotation(item.key()); });
    std::vector<std::string> alternatives;
    for (const auto& [index, part] : branches(schema, keyword, pointer).items()) {
      const std::string where = fmt::format("{}/{}/{}", pointer, keyword, index);
      if (part == false) continue;
      const bool joined = !alone && part != true;
      if (joined && part.contains("$ref")) {
        alternatives.push_back(
            expression(merge_schemas({{"allOf", Json::array({part})}}, beside, where), where, name + "-" + index));
      } else {
        alternatives.push_back(expression(joined                   ? merge_schemas(beside, part, where)
                                          : part == true && !alone ? beside
                                                                   : part,
                                          where, name + "-" + index));
      }
    }
    if (alternatives.empty()) schema_wrong(pointer, "allows nothing");
    return gbnf_any_of(alternatives);
  }

  static const Json& branches(const Json& schema, const char* keyword, const std::string& pointer) {
    const Json& list = schema[keyword];
    if (!list.is_array() || list.empty()) schema_wrong(pointer, fmt::format("has an empty {}", keyword));
    return list;
  }

  // A schema without anyOf and the like.
  std::string plain(const Json& schema, const std::string& pointer, const std::string& name) {
    for (const auto& [key, value] : schema.items()) check_keyword(key, value, pointer);
    std::vector<std::string> alternatives;
    if (schema.contains("const") || schema.contains("enum")) {
      alternatives = schema_literals(schema, pointer);
    } else {
      for (const std::string& type : schema_types(schema, pointer))
        alternatives.push_back(of_type(type, schema, pointer, name));
    }
    if (schema.value("nullable", false)) alternatives.push_back(rules_.json("null"));
    return gbnf_any_of(alternatives);
  }

  static void check_keyword(const std::string& key, const Json& value, const std::string& pointer) {
    static const std::set<std::string> kKnown{"type",
                                              "nullable",
                                              "enum",
                                              "const",
                                              "properties",
                                              "required",
                                              "additionalProperties",
                                              "items",
                                              "prefixItems",
                                              "additionalItems",
                                              "minItems",
                                              "maxItems",
                                              "minLength",
                                              "maxLength",
                                              "pattern",
                                              "format",
                                              "minimum",
                                              "maximum",
                                              "exclusiveMinimum",
                                              "exclusiveMaximum"};
    if (is_annotation(key) || kKnown.contains(key)) return;
    if (key == "uniqueItems" && value == false) return;
    schema_unsupported(key, pointer + "/" + key);
  }

  std::string of_type(const std::string& type, const Json& schema, const std::string& pointer,
                      const std::string& name) {
    if (type == "object") return object(schema, pointer, name);
    if (type == "array") return array(schema, pointer, name);
    if (type == "string") return string(schema, pointer);
    if (type == "integer") return schema_integer(rules_, schema, pointer);
    if (type == "number") {
      for (const char* bound : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
        if (schema.contains(bound)) schema_unsupported(bound, pointer + "/" + bound, "only integers can be bounded");
    }
    return rules_.json(type);
  }

  std::string string(const Json& schema, const std::string& pointer) {
    const bool sized = schema.contains("minLength") || schema.contains("maxLength");
    std::string content;
    if (schema.contains("pattern")) {
      if (sized || schema.contains("format"))
        schema_unsupported("pattern", pointer + "/pattern", "beside a length or format");
      try {
        content = gbnf_pattern(rules_, schema["pattern"].get<std::string>());
      } catch (const Error& error) {
        throw Error(error.code(), fmt::format("the schema's pattern at '{}/pattern' has {}", pointer, error.what()));
      }
    } else if (schema.contains("format")) {
      if (sized) schema_unsupported("format", pointer + "/format", "beside a length");
      content = gbnf_format(schema["format"].get<std::string>());
      if (content.empty()) schema_unsupported("format", pointer + "/format", schema["format"].dump());
    } else if (sized) {
      const auto [least, most] = schema_sizes(schema, "minLength", "maxLength", pointer);
      if (most == 0) return R"("\"\"")";
      content = rules_.json("char") + gbnf_repeat(least, most);
    } else {
      return rules_.json("string");
    }
    return R"("\"" )" + content + R"( "\"")";
  }

  std::string array(const Json& schema, const std::string& pointer, const std::string& name) {
    const bool old_tuple = schema.contains("items") && schema["items"].is_array();
    const Json prefix = old_tuple ? schema["items"] : schema.value("prefixItems", Json::array());
    const char* const rest_key = old_tuple ? "additionalItems" : "items";
    auto [least, most] = schema_sizes(schema, "minItems", "maxItems", pointer);
    Json rest = schema.contains(rest_key) ? schema[rest_key] : Json(prefix.empty() || least > prefix.size());
    if (rest == false) most = std::min<std::uint64_t>(most.value_or(prefix.size()), prefix.size());
    if (most && *most < least) schema_wrong(pointer, "allows nothing: it wants more items than it has");

    const std::string comma = R"("," )" + rules_.json("ws") + " ";
    std::string tail;
    const std::uint64_t fixed_items = std::min<std::uint64_t>(prefix.size(), most.value_or(prefix.size()));
    if (rest != false && (!most || *most > fixed_items)) {
      const std::string item = expression(rest, pointer + "/" + rest_key, name + "-item");
      const std::uint64_t more = least > fixed_items ? least - fixed_items : 0;
      const std::optional<std::uint64_t> most_more = most ? std::optional(*most - fixed_items) : std::nullopt;
      if (fixed_items > 0) {
        tail = "(" + comma + item + ")" + (gbnf_repeat(more, most_more).empty() ? "{1}" : gbnf_repeat(more, most_more));
      } else {
        tail = item + list_rest(comma + item, more, most_more);
        if (more == 0) tail = "(" + tail + ")?";
      }
    }
    for (std::size_t i = fixed_items; i-- > 0;) {
      const std::string item =
          expression(prefix[i], fmt::format("{}/{}/{}", pointer, old_tuple ? "items" : "prefixItems", i),
                     fmt::format("{}-{}", name, i));
      tail = (i > 0 ? comma : "") + item + (tail.empty() ? "" : " " + tail);
      if (i >= least) tail = "(" + tail + ")?";
    }
    const std::string& ws = rules_.json("ws");
    return fmt::format(R"("[" {} {}{}{} "]")", ws, tail, tail.empty() ? "" : " ", tail.empty() ? "" : ws);
  }

  // What follows the first of `least` to `most` items.
  static std::string list_rest(const std::string& next, std::uint64_t least, std::optional<std::uint64_t> most) {
    if (most == 1) return "";
    const std::string repeat = gbnf_repeat(least > 0 ? least - 1 : 0, most ? std::optional(*most - 1) : std::nullopt);
    return " (" + next + ")" + (repeat.empty() ? "{1}" : repeat);
  }

  struct Member {
    std::string pair;
    bool required = false;
  };

  std::string object(const Json& schema, const std::string& pointer, const std::string& name) {
    const Json properties = schema.value("properties", Json::object());
    if (!properties.is_object()) schema_wrong(pointer, "has properties that are no object");
    const Json additional = schema.value("additionalProperties", Json(!schema.contains("properties")));
    std::vector<std::string> names;
    std::vector<Member> members;
    const auto add = [&](const std::string& key, const Json& of, const std::string& where, bool required) {
      names.push_back(key);
      members.push_back(
          {.pair = pair(gbnf_literal(Json(key).dump()), of, where, name + "-" + key), .required = required});
    };
    std::set<std::string> required;
    for (const Json& key : schema.value("required", Json::array())) required.insert(key.get<std::string>());
    for (const auto& [key, of] : properties.items()) {
      if (of == false && !required.contains(key)) continue;
      add(key, of, pointer + "/properties/" + key, required.contains(key));
    }
    for (const Json& key : schema.value("required", Json::array())) {
      if (properties.contains(key.get<std::string>())) continue;
      if (additional == false && schema.contains("additionalProperties"))
        schema_wrong(pointer, fmt::format("allows nothing: it requires {} and forbids it", key.dump()));
      add(key, additional == false ? Json(true) : additional, pointer + "/additionalProperties", true);
    }
    if (members.empty() && additional == true) return rules_.json("object");
    std::string more;
    if (additional != false) {
      for (const auto& [key, of] : properties.items()) {
        if (!std::ranges::contains(names, key)) names.push_back(key);  // one that must not be there
      }
      more = rules_.add(name + "-more", pair(gbnf_other_than(rules_, name + "-other", names), additional,
                                             pointer + "/additionalProperties", name + "-more"));
    }
    return fmt::format(R"("{{" {0} {1} {0} "}}")", rules_.json("ws"), in_order(members, more, name));
  }

  std::string pair(const std::string& key, const Json& value, const std::string& pointer, const std::string& name) {
    const std::string of = expression(value, pointer, name);
    return fmt::format(R"({} ":" {} {})", key, rules_.json("ws"), of);
  }

  // Members in their order, the optional ones there or not: one rule each for "after another member" and "none before",
  // from the last to the first.
  std::string in_order(const std::vector<Member>& members, const std::string& more, const std::string& name) {
    const std::string comma = R"("," )" + rules_.json("ws") + " ";
    std::string after = more.empty() ? "" : rules_.add(name + "-end", fmt::format("({}{})*", comma, more));
    std::string none = more.empty() ? "" : rules_.add(name + "-begin", fmt::format("({} ({}{})*)?", more, comma, more));
    for (std::size_t i = members.size(); i-- > 0;) {
      const Member& member = members[i];
      const std::string shared = rules_.add(fmt::format("{}-m{}", name, i), member.pair);
      const std::string begin = shared + (after.empty() ? "" : " " + after);
      const std::string next = comma + begin;
      if (member.required) {
        after = rules_.add(fmt::format("{}-a{}", name, i), next);
        none = rules_.add(fmt::format("{}-b{}", name, i), begin);
      } else {
        // An alternative that is empty must be the first: after a | the engine reads on into the next line.
        none = rules_.add(fmt::format("{}-b{}", name, i), none + " | " + begin);
        after = rules_.add(fmt::format("{}-a{}", name, i), after + " | " + next);
      }
    }
    return none;
  }

  const Json& root_;
  GbnfRules rules_;
  std::map<std::string, std::string> by_pointer_;
  int depth_ = 0;
  int made_ = 0;
};

}  // namespace

std::string from_json_schema(const Json& schema) {
  try {
    return SchemaReader(schema).read();
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::usage, fmt::format("the schema cannot be read: {}", error.what()));
  }
}

}  // namespace plimsoll::grammar
