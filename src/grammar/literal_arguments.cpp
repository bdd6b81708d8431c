#include "grammar/literal_arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>
#include <vector>

#include "grammar/normal_schema.hpp"

#include "schema_reader.hpp"
#include "schema_values.hpp"
#include "tag_text.hpp"
#include "value_types.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;
using Values = MarkedForm::Values;

constexpr const char* kHeldSingly = "arguments with their names are held one by one";

// As a Python program would have it, and some more that no reader would mistake.
bool can_stand_before_a_value(const std::string& key) {
  return !key.empty() && std::ranges::all_of(key, [](char c) {
    return static_cast<unsigned char>(c) >= 0x80 || std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
           c == '-' || c == '.' || c == '$';
  });
}

class LiteralArguments {
 public:
  LiteralArguments(SchemaReader& reader, Values values)
      : reader_(reader), rules_(reader.rules()), values_(values), root_(rules_.reserve("root")) {
    gap_ = rules_.add("gap", R"(| " ")");
  }

  std::string make(const Json& schema) {
    const Json flat = reader_.flat(schema, "#");
    if (!flat.is_object()) throw NothingAllowed("#", "allows nothing: what must hold in it contradicts itself");
    const std::string inside = members(flat, "#");
    rules_.set(root_, inside.empty() ? gap_ : inside);
    return rules_.text();
  }

 private:
  struct Argument {
    std::string rule;
    bool required = false;
  };

  // Members of an object, with commas between them; empty: there are none.
  std::string members(const Json& flat, const std::string& pointer) {
    note_what_is_held_by_nobody(flat, pointer);
    const bool has_patterns = flat.contains("patternProperties");
    const Json properties = flat.value("properties", Json::object());
    const Json additional = flat.value("additionalProperties", Json(!flat.contains("properties") && !has_patterns));
    std::set<std::string> required;
    for (const Json& key : flat.value("required", Json::array())) required.insert(key.get<std::string>());
    std::vector<Argument> arguments;
    for (const auto& [key, of] : properties.items())
      add(arguments, key, of, pointer_to(pointer + "/properties", key), required.contains(key));
    for (const std::string& key : required) {
      if (properties.contains(key)) continue;
      add(arguments, key, additional == false ? Json(true) : additional, pointer + "/additionalProperties", true);
    }
    std::string other;
    if (additional != false || has_patterns) {
      const Json of = has_patterns ? Json(true) : additional;
      other = pair("[a-zA-Z_] [a-zA-Z0-9_]*", value(of, pointer + "/additionalProperties", "v-more"));
    }
    return in_order(arguments, other);
  }

  void note_what_is_held_by_nobody(const Json& flat, const std::string& pointer) {
    for (const char* keyword : {"minProperties", "maxProperties", "propertyNames", "patternProperties", "const", "enum",
                                "dependentRequired", "dependentSchemas", "anyOf", "oneOf", "not"}) {
      if (flat.contains(keyword)) reader_.notes().unchecked(pointer, keyword, kHeldSingly);
    }
    if (flat.contains(kConditions)) reader_.notes().unchecked(pointer, "if", kHeldSingly);
  }

  void add(std::vector<Argument>& arguments, const std::string& key, const Json& of, const std::string& pointer,
           bool required) {
    if (of == false && required)
      throw NothingAllowed("#", fmt::format("allows nothing: it requires {} and forbids it", Json(key).dump()));
    if (of == false) return;
    if (!can_stand_before_a_value(key))
      return reader_.notes().wrong(pointer, "", "has a name that cannot stand before a value");
    arguments.push_back({.rule = rules_.add("a-" + key, pair(gbnf_literal(key), value(of, pointer, "v-" + key))),
                         .required = required});
  }

  [[nodiscard]] std::string pair(const std::string& key, const std::string& value) const {
    return fmt::format("{} {} {}", key, gbnf_literal(values_ == Values::python ? "=" : ":"), value);
  }

  // The optional ones there or not; made from the last to the first. An alternative that is empty must be the first.
  std::string in_order(const std::vector<Argument>& arguments, const std::string& other) {
    const std::string comma = fmt::format(R"("," {})", gap_);
    std::string first;  // behind none
    std::string next;   // behind another
    if (!other.empty()) {
      const std::string rule = rules_.add("other", other);
      next = rules_.add("others", fmt::format("({} {})*", comma, rule));
      first = rules_.add("more", fmt::format("| {} {}", rule, next));
    }
    for (std::size_t i = arguments.size(); i-- > 0;) {
      const std::string with = arguments[i].rule + (next.empty() ? "" : " " + next);
      const std::string more = fmt::format("{} {}", comma, with);
      first = rules_.add(fmt::format("first{}", i), arguments[i].required ? with : first + " | " + with);
      next = rules_.add(fmt::format("next{}", i), arguments[i].required ? more : next + " | " + more);
    }
    return first;
  }

  std::string value(const Json& of, const std::string& pointer, const std::string& name) {
    return values_ == Values::python ? python_value(of, pointer, name) : gemma_value(of, pointer, name);
  }

  std::string python_value(const Json& of, const std::string& pointer, const std::string& name) {
    std::vector<std::string> alternatives{reader_.value(of, pointer, name)};
    try {
      add_python(reader_.flat(of, pointer), pointer, name, alternatives);
    } catch (const NothingAllowed&) {  // noted by what is above
    }
    return gbnf_any_of(alternatives);
  }

  // What Python writes otherwise than JSON.
  void add_python(const Json& flat, const std::string& pointer, const std::string& name,
                  std::vector<std::string>& alternatives, int depth = 0) {
    constexpr int kDeepestUnion = 4;
    if (flat == false || depth > kDeepestUnion) return;
    if (flat.is_object() && (flat.contains("not") || flat.contains(kConditions))) return;
    if (flat.is_object()) {
      if (const auto values = allowed_values(flat)) return add_python_words(*values, name, alternatives);
      const std::vector<Json> branches = flat_branches(reader_, flat, pointer);
      for (const Json& branch : branches) add_python(branch, pointer, name, alternatives, depth + 1);
      if (!branches.empty()) return;
    }
    const TypeNames types = flat.is_object() ? types_of_flat(reader_, flat, pointer) : TypeNames{};
    const auto may_be = [&](const char* type) { return types.empty() || types.contains(type); };
    if (may_be("boolean")) alternatives.emplace_back(R"("True" | "False")");
    if (may_be("null") || (flat.is_object() && flat.contains("nullable"))) alternatives.emplace_back(R"("None")");
    static constexpr const char* kOfTexts[] = {"pattern", "format", "contentEncoding", "minLength", "maxLength"};
    const bool any_text =
        !flat.is_object() || std::ranges::none_of(kOfTexts, [&](auto word) { return flat.contains(word); });
    if (may_be("string") && any_text) alternatives.push_back(quoted());
  }

  void add_python_words(const Json& values, const std::string& name, std::vector<std::string>& alternatives) {
    std::vector<std::string> words;
    for (const Json& one : values) {
      if (one.is_boolean()) words.emplace_back(one == true ? "True" : "False");
      if (one.is_null()) words.emplace_back("None");
      if (!one.is_string()) continue;
      const auto text = one.get<std::string>();
      if (text.find_first_of("'\\\n\r\t") == std::string::npos) words.push_back("'" + text + "'");
    }
    if (!words.empty()) alternatives.push_back(gbnf_any_word(rules_, name, std::move(words)));
  }

  // A text between single quotation marks, with JSON's escapes.
  std::string quoted() {
    if (quoted_.empty()) {
      const std::string escaped =
          R"("\\" (['"\\/bfnrt] | "u" ([0-9a-cA-CefEF] [0-9a-fA-F]{3} | [dD] [0-7] [0-9a-fA-F]{2})))";
      quoted_ = rules_.add("quoted", fmt::format(R"("'" ([^'\\\x01-\x1F{}] | {})* "'")", kNoCharacters, escaped));
    }
    return quoted_;
  }

  // Texts are otherwise than JSON's at any depth, and so are the names in objects.
  std::string gemma_value(const Json& of, const std::string& pointer, const std::string& name) {
    const TypeNames types = types_of_value(reader_, of, pointer);
    const auto may_be = [&](const char* type) { return types.empty() || types.contains(type); };
    if (!may_be("string") && !may_be("array") && !may_be("object")) return reader_.value(of, pointer, name);
    if (depth_ >= kDeepestHeld || rules_.size() > kLargestHeld) {
      reader_.notes().unchecked(pointer, "schema", "it is too deep or too large");
      return any();
    }
    ++depth_;
    std::string out;
    try {
      out = gemma_flat(reader_.flat(of, pointer), pointer, name);
    } catch (const NothingAllowed&) {
      reader_.notes().wrong(pointer, "", "allows nothing");
      out = any();
    }
    --depth_;
    return out;
  }

  std::string gemma_flat(const Json& flat, const std::string& pointer, const std::string& name) {
    if (flat == false) throw NothingAllowed(pointer, "allows nothing");
    if (!flat.is_object()) return any();
    std::vector<std::string> alternatives;
    if (flat.contains("nullable")) alternatives.push_back(rules_.json("null"));
    const auto values = allowed_values(flat);
    if (values && add_gemma_words(*values, alternatives)) return gbnf_any_of(alternatives);
    note_texts(flat, pointer);
    const std::vector<Json> branches = flat_branches(reader_, flat, pointer);
    for (const Json& branch : branches) alternatives.push_back(gemma_value(branch, pointer, name));
    if (!branches.empty()) return gbnf_any_of(alternatives);
    const TypeNames types = types_of_flat(reader_, flat, pointer);
    for (const std::string& type : types) {
      alternatives.push_back(type == "string"   ? gemma_text()
                             : type == "array"  ? gemma_list(flat, pointer, name)
                             : type == "object" ? gemma_object(flat, pointer)
                                                : rules_.json(type));
    }
    return types.empty() ? any() : gbnf_any_of(alternatives);
  }

  // Single values alone. False: there are others, or none.
  [[nodiscard]] static bool add_gemma_words(const Json& values, std::vector<std::string>& alternatives) {
    const bool can = std::ranges::none_of(values, [](const Json& one) {
      return one.is_structured() || (one.is_string() && one.get<std::string>().contains(kGemmaQuote));
    });
    if (!can || values.empty()) return false;
    for (const Json& one : values) {
      alternatives.push_back(
          gbnf_literal(one.is_string() ? fmt::format("{0}{1}{0}", kGemmaQuote, one.get<std::string>()) : one.dump()));
    }
    return true;
  }

  void note_texts(const Json& flat, const std::string& pointer) {
    for (const char* keyword :
         {"pattern", "format", "contentEncoding", "minLength", "maxLength", "const", "enum", "not", "minItems",
          "maxItems", "uniqueItems", "contains", "prefixItems", "minimum", "maximum"}) {
      if (flat.contains(keyword))
        reader_.notes().unchecked(pointer, keyword, "the form's own values are held by their type");
    }
    if (flat.contains(kConditions)) reader_.notes().unchecked(pointer, "if", kHeldSingly);
  }

  std::string gemma_text() {
    if (text_.empty())
      text_ =
          rules_.add("quoted", fmt::format("{} {}", gbnf_literal(kGemmaQuote), text_as_far_as(rules_, kGemmaQuote)));
    return text_;
  }

  std::string gemma_list(const Json& flat, const std::string& pointer, const std::string& name) {
    const bool has_places = flat.contains("prefixItems") || !flat.contains("items");
    const std::string item = has_places ? any() : gemma_value(flat["items"], pointer + "/items", name + "-items");
    return rules_.add(name + "-list", list_of("[", item, "]"));
  }

  std::string gemma_object(const Json& flat, const std::string& pointer) {
    const std::string inside = members(flat, pointer);
    return fmt::format(R"("{{" {} {} "}}")", inside.empty() ? gap_ : inside, gap_);
  }

  [[nodiscard]] std::string list_of(const char* begin, const std::string& item, const char* end) const {
    return fmt::format(R"({0} {2} ({1} ("," {2} {1})*)? {2} {3})", gbnf_literal(begin), item, gap_, gbnf_literal(end));
  }

  // Any value at all.
  std::string any() {
    if (!any_.empty()) return any_;
    any_ = rules_.reserve("any");
    const std::string member = fmt::format(R"([a-zA-Z0-9_.$-]+ ":" {})", any_);
    const std::vector<std::string> all{gemma_text(),
                                       rules_.add("anylist", list_of("[", any_, "]")),
                                       rules_.add("anydict", list_of("{", member, "}")),
                                       rules_.json("number"),
                                       rules_.json("boolean"),
                                       rules_.json("null")};
    rules_.set(any_, gbnf_any_of(all));
    return any_;
  }

  static constexpr int kDeepestHeld = 6;
  static constexpr std::size_t kLargestHeld = std::size_t{1} << 20U;

  SchemaReader& reader_;
  GbnfRules& rules_;
  Values values_;
  int depth_ = 0;
  std::string text_;
  std::string any_;
  std::string root_;
  std::string gap_;
  std::string quoted_;
};

}  // namespace

SchemaGrammar grammar_of_literal_arguments(const Json& schema, Values values, SchemaBudget& budget) {
  try {
    SchemaReader reader(schema, false, budget);
    std::string gbnf = LiteralArguments(reader, values).make(schema);
    return {.gbnf = std::move(gbnf), .notes = reader.notes().all()};
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::usage, fmt::format("the schema cannot be read: {}", error.what()));
  }
}

}  // namespace plimsoll::grammar
