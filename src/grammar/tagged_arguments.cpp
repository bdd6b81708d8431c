#include "grammar/tagged_arguments.hpp"

#include <fmt/format.h>

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

constexpr const char* kOneByOne = "arguments in tags are held one by one";
constexpr const char* kAnyText = "a text in tags is any text";

Json additional_of(const Json& flat) {
  return flat.value("additionalProperties", Json(!flat.contains("properties") && !flat.contains("patternProperties")));
}

class TaggedArguments {
 public:
  TaggedArguments(SchemaReader& reader, const TaggedForm& form)
      : reader_(reader), rules_(reader.rules()), form_(form), root_(rules_.reserve("root")) {
    line_ = rules_.add("line", R"(| "\n")");
  }

  std::string make(const Json& schema) {
    const Json flat = reader_.flat(schema, "#");
    if (!flat.is_object()) throw NothingAllowed("#", "allows nothing: what must hold in it contradicts itself");
    note_what_is_not_held(flat);
    const Json properties = flat.value("properties", Json::object());
    for (const Json& key : flat.value("required", Json::array())) required_.insert(key.get<std::string>());
    for (const auto& [key, of] : properties.items()) add_declared(key, of);
    additional_ = additional_of(flat);
    for (const std::string& key : required_) {
      if (!properties.contains(key)) add_required(key);
    }
    rules_.set(root_, in_order(flat.contains("patternProperties")));
    return rules_.text();
  }

 private:
  struct Argument {
    std::string rule;
    bool required = false;
  };

  void note_what_is_not_held(const Json& flat) {
    for (const char* keyword : {"minProperties", "maxProperties", "propertyNames", "patternProperties", "const", "enum",
                                "dependentRequired", "dependentSchemas", "anyOf", "oneOf", "not"}) {
      if (flat.contains(keyword)) reader_.notes().unchecked("#", keyword, kOneByOne);
    }
    if (flat.contains(kConditions)) reader_.notes().unchecked("#", "if", kOneByOne);
  }

  void add_declared(const std::string& key, const Json& of) {
    const bool required = required_.contains(key);
    const std::string pointer = pointer_to("#/properties", key);
    if (of == false && required)
      throw NothingAllowed("#", fmt::format("allows nothing: it requires {} and forbids it", Json(key).dump()));
    if (of == false) return;
    if (key.contains(form_.key_end) || key.contains('\n'))
      return reader_.notes().wrong(pointer, "", "has a name that cannot stand in a tag");
    add_argument(key, of, pointer, required);
  }

  // One that has to be there and is described nowhere.
  void add_required(const std::string& key) {
    if (key.contains(form_.key_end) || key.contains('\n'))
      return reader_.notes().loosened("#", "required", "a name cannot stand in a tag");
    add_argument(key, additional_ == false ? Json(true) : additional_, "#/additionalProperties", true);
  }

  void add_argument(const std::string& key, const Json& of, const std::string& pointer, bool required) {
    const std::string tags = gbnf_literal(std::string(form_.key_begin) + key + std::string(form_.key_end));
    arguments_.push_back(
        {.rule = rules_.add("a-" + key, argument(tags, value(of, pointer, "v-" + key))), .required = required});
  }

  // `value`: as far as its end tag.
  [[nodiscard]] std::string argument(const std::string& key, const std::string& value) const {
    const std::string begin =
        form_.value_begin.empty() ? "" : fmt::format("{} {} ", line_, gbnf_literal(form_.value_begin));
    return fmt::format("{} {}{} {}", key, begin, value, line_);
  }

  std::string value(const Json& of, const std::string& pointer, const std::string& name) {
    const TypeNames types = types_of_value(reader_, of, pointer);
    return mark_of(types) + value_itself(of, types, pointer, name);
  }

  [[nodiscard]] std::string mark_of(const TypeNames& types) const {
    if (form_.text_mark.empty()) return "";
    const std::string text = gbnf_literal(form_.text_mark);
    const std::string json = gbnf_literal(form_.json_mark);
    if (types == TypeNames{"string"}) return text + " ";
    return types.empty() || types.contains("string") ? fmt::format("({} | {}) ", text, json) : json + " ";
  }

  std::string value_itself(const Json& of, const TypeNames& types, const std::string& pointer,
                           const std::string& name) {
    if (!types.empty() && !types.contains("string")) return ended(reader_.value(of, pointer, name));
    Json flat = true;
    try {
      flat = reader_.flat(of, pointer);
    } catch (const NothingAllowed& nothing) {
      reader_.notes().wrong(pointer, "", nothing.what());
    }
    if (flat == false) reader_.notes().wrong(pointer, "", "allows nothing");
    const std::size_t noted = reader_.notes().all().size();
    std::vector<std::string> alternatives;
    if (add_words(flat, pointer, name, alternatives)) return ended(gbnf_any_of(alternatives));
    reader_.notes().go_back_to(noted);
    note_text(flat, pointer, types);
    return any_text();
  }

  [[nodiscard]] std::string ended(const std::string& value) const {
    const std::string line = form_.values_have_lines ? line_ + " " : "";
    return fmt::format("{}{} {}{}", line, value, line, gbnf_literal(form_.value_end));
  }

  // The schema's values where its texts are out of a list. False: they are not.
  bool add_words(const Json& flat, const std::string& pointer, const std::string& name,
                 std::vector<std::string>& alternatives, int depth = 0) {
    constexpr int kDeepestBranch = 4;  // a union may have itself as a branch
    if (!flat.is_object() || depth > kDeepestBranch) return false;
    const TypeNames types = types_of_flat(reader_, flat, pointer);
    if (!types.empty() && !types.contains("string")) {
      if (types.contains("array") || types.contains("object")) return false;  // texts in it might have the end tag
      alternatives.push_back(reader_.value(flat, pointer, name));
      return true;
    }
    if (const auto values = allowed_values(flat)) {
      if (!add_listed(*values, name, alternatives)) return false;
    } else {
      const std::vector<Json> branches = flat_branches(reader_, flat, pointer);
      if (branches.empty()) return false;
      for (const Json& branch : branches) {
        if (!add_words(branch, pointer, name, alternatives, depth + 1)) return false;
      }
    }
    if (flat.contains("nullable")) alternatives.push_back(rules_.json("null"));
    return true;
  }

  bool add_listed(const Json& values, const std::string& name, std::vector<std::string>& alternatives) {
    std::vector<std::string> texts;
    for (const Json& one : values) {
      texts.push_back(one.is_string() ? one.get<std::string>() : one.dump());
      if (texts.back().empty() || texts.back().contains(form_.value_end)) return false;
    }
    if (texts.empty()) return false;
    alternatives.push_back(gbnf_any_word(rules_, name, std::move(texts)));
    return true;
  }

  void note_text(const Json& flat, const std::string& pointer, const TypeNames& types) {
    if (!flat.is_object()) return;
    for (const char* keyword : {"pattern", "format", "contentEncoding", "minLength", "maxLength", "const", "enum",
                                "not", "properties", "items", "minimum", "maximum", "if"}) {
      if (flat.contains(keyword)) reader_.notes().unchecked(pointer, keyword, kAnyText);
    }
    if (types == TypeNames{"string"} || types == TypeNames{"null", "string"}) return;
    for (const char* keyword : {"anyOf", "oneOf"}) {
      if (flat.contains(keyword)) reader_.notes().unchecked(pointer, keyword, kAnyText);
    }
  }

  // As far as a value's end tag.
  std::string any_text() {
    if (!any_text_.empty()) return any_text_;
    any_text_ = text_as_far_as(rules_, form_.value_end);
    return any_text_;
  }

  // Arguments that are none of those above; empty: there are none.
  std::string others(bool has_patterns) {
    if (additional_ == false && !has_patterns) return "";
    const std::string key = fmt::format(R"({} [^{}\x01-\x1F{}]+ {})", gbnf_literal(form_.key_begin),
                                        gbnf_class_member(static_cast<unsigned char>(form_.key_end.front())),
                                        kNoCharacters, gbnf_literal(form_.key_end));
    const std::string of_it = has_patterns || additional_ == true
                                  ? mark_of({}) + any_text()
                                  : value(additional_, "#/additionalProperties", "v-more");
    return rules_.add("more", fmt::format("({})*", argument(key, of_it)));
  }

  // In their order, the optional ones there or not; made from the last to the first. An alternative that is empty must
  // be the first: behind a | the engine reads on into the next line.
  std::string in_order(bool has_patterns) {
    std::string next = others(has_patterns);
    for (std::size_t i = arguments_.size(); i-- > 0;) {
      const std::string with = arguments_[i].rule + (next.empty() ? "" : " " + next);
      next = rules_.add(fmt::format("from{}", i), arguments_[i].required ? with : next + " | " + with);
    }
    return next.empty() ? R"(| "\n")" : next;
  }

  SchemaReader& reader_;
  GbnfRules& rules_;
  const TaggedForm& form_;
  std::string root_;
  std::string line_;
  std::string any_text_;
  Json additional_;
  std::set<std::string> required_;
  std::vector<Argument> arguments_;
};

void read_types(ParameterTypes& types, const Json& schema) {
  SchemaBudget budget;
  SchemaReader reader(schema, false, budget);
  const Json flat = reader.flat(schema, "#");
  if (!flat.is_object()) return;
  const Json properties = flat.value("properties", Json::object());
  for (const auto& [key, of] : properties.items()) types.of[key] = types_of_value(reader, of, "#");
  const Json additional = additional_of(flat);
  if (additional.is_object() && !flat.contains("patternProperties"))
    types.others = types_of_value(reader, additional, "#");
}

}  // namespace

SchemaGrammar grammar_of_tagged_arguments(const Json& schema, const TaggedForm& form, SchemaBudget& budget) {
  try {
    SchemaReader reader(schema, false, budget);
    std::string gbnf = TaggedArguments(reader, form).make(schema);
    return {.gbnf = std::move(gbnf), .notes = reader.notes().all()};
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::usage, fmt::format("the schema cannot be read: {}", error.what()));
  }
}

ParameterTypes parameter_types(const Json& schema) {
  ParameterTypes types;
  try {
    read_types(types, schema);
  } catch (const Error&) {  // too large; the grammar says so
  } catch (const Json::exception&) {
  }
  return types;
}

}  // namespace plimsoll::grammar
