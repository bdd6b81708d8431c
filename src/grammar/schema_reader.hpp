// SchemaReader: a JSON Schema on its way into a grammar. What single types say of a value stands in files of their own,
// which come back here for the schemas inside.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>

#include "gbnf_rules.hpp"
#include "grammar/json_schema.hpp"
#include "grammar/schema_notes.hpp"
#include "grammar/schema_references.hpp"
#include "schema_cases.hpp"

namespace plimsoll::grammar {

// Nothing is valid under this schema.
class NothingAllowed : public Error {
 public:
  NothingAllowed(const std::string& pointer, const std::string& what);
};

class SchemaReader {
 public:
  using Json = nlohmann::ordered_json;

  // The budget is used up by what is read; it must outlive the reader.
  SchemaReader(const Json& root, bool strict, SchemaBudget& budget);

  // The grammar's text. Throws NothingAllowed; Error{unsupported} where it would be too large.
  std::string read();

  // What stands for the schema in another rule's body. `name`: for rules that it needs.
  std::string expression(const Json& schema, const std::string& pointer, const std::string& name);
  // The same of a value inside another; what allows nothing is noted, and is then any value.
  std::string value(const Json& schema, const std::string& pointer, const std::string& name);
  // In its normal form, with what it refers to and what must hold beside it joined: without $ref and allOf.
  [[nodiscard]] Json flat(const Json& schema, const std::string& pointer);
  // Both, so. False: nothing satisfies both.
  [[nodiscard]] Json joined(const Json& first, const Json& second, const std::string& pointer);

  [[nodiscard]] GbnfRules& rules() noexcept { return rules_; }
  [[nodiscard]] SchemaNotes& notes() noexcept { return notes_; }
  [[nodiscard]] bool strict() const noexcept { return strict_; }

 private:
  class Inside;  // of an object or array, where a reference to what is being read is no circle

  std::string of_normal(const Json& schema, const std::string& pointer, const std::string& name);
  std::string of_joined(const Json& schema, const std::string& pointer, const std::string& name);
  std::string reference(const Json& schema, const std::string& pointer, const std::string& name);
  std::string any_of(const char* keyword, const Json& schema, const std::string& pointer, const std::string& name);
  std::string one_case_of(const SchemaCases& cases, const std::string& pointer, const std::string& name);
  std::string plain(const Json& schema, const std::string& pointer, const std::string& name);
  std::string of_type(const std::string& type, const Json& schema, const std::string& pointer, const std::string& name);
  std::string without_values(const std::vector<std::string>& types, const Json& schema, const std::string& pointer,
                             const std::string& name);
  std::string remembered(const std::string& key, const std::string& pointer, const std::string& wanted,
                         const std::function<std::string(const std::string& rule)>& make);
  const Json* referred_to(const std::string& target, const std::string& pointer);  // null: noted
  static std::string key_of(const Json& schema);
  void count(const std::string& pointer);
  void count_values(const Json& schema, const std::string& pointer);
  Json flat(const Json& schema, const std::string& pointer, int depth);
  void add_where_possible(std::vector<std::string>& alternatives, const std::function<std::string()>& make);
  [[nodiscard]] bool has_too_many_cases() const;
  [[nodiscard]] std::vector<Json> possible_cases(const SchemaCases& cases, const std::string& pointer);
  void check_exclusive(const Json& branches, const std::string& pointer);

  const Json& root_;
  bool strict_;
  SchemaBudget& budget_;
  GbnfRules rules_;
  SchemaNotes notes_;
  std::map<std::string, std::string> known_;  // rules by what they are of
  std::vector<std::string> order_;            // of these keys
  std::set<std::string> open_;                // of these, the ones that are read without anything written before them
  SchemaReferences references_;
  int depth_ = 0;
  SchemaBudget kept_;           // of the budget: for all but conditions
  std::size_t cases_ = 0;       // read, times the members that each is written with
  std::size_t case_count_ = 0;  // read
  std::size_t open_cases_ = 0;  // of those around what is being read: still to be read
};

// A value of this type. Of the schema's normal form.
std::string object_grammar(SchemaReader& reader, const nlohmann::ordered_json& schema, const std::string& pointer,
                           const std::string& name);
std::string array_grammar(SchemaReader& reader, const nlohmann::ordered_json& schema, const std::string& pointer,
                          const std::string& name);
// With its quotation marks.
std::string string_grammar(SchemaReader& reader, const nlohmann::ordered_json& schema, const std::string& pointer);
std::string number_grammar(SchemaReader& reader, const nlohmann::ordered_json& schema, const std::string& pointer,
                           bool integer);

}  // namespace plimsoll::grammar
