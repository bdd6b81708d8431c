#include "schema_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "grammar/discriminator.hpp"
#include "grammar/normal_schema.hpp"
#include "grammar/schema_references.hpp"
#include "schema_cases.hpp"
#include "schema_merge.hpp"
#include "schema_values.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDeepest = 200;
constexpr std::size_t kMostCases = 12000;   // of all conditions together, times the members that each is written with
constexpr std::size_t kMostOpenCases = 64;  // that are still to be read when one is
constexpr std::size_t kLargestText = std::size_t{8} << 20U;
constexpr const char* kTooLarge = "it comes to too large a grammar";
constexpr const char* kCircle = "refers to itself and to nothing else";
constexpr const char* kNever = R"("null")";  // of a rule that nothing refers to

[[noreturn]] void too_large(const std::string& keyword, const std::string& pointer, const std::string& why) {
  throw Error(ErrorCode::unsupported,
              fmt::format("a grammar cannot be made of the schema's {} at '{}': {}", keyword, pointer, why));
}

void add_once(std::vector<std::string>& list, std::string one) {
  if (!std::ranges::contains(list, one)) list.push_back(std::move(one));
}

// Cases of cases are called after what they are cases of: with a part for each, names would be most of the grammar.
std::string_view without_case(std::string_view name) {
  const std::size_t digits = name.find_last_not_of("0123456789");
  const bool is_case =
      digits != std::string_view::npos && digits + 1 < name.size() && name.substr(0, digits + 1).ends_with("-c");
  return is_case ? name.substr(0, digits - 1) : name;
}

}  // namespace

NothingAllowed::NothingAllowed(const std::string& pointer, const std::string& what)
    : Error(ErrorCode::usage, fmt::format("the schema at '{}' {}", pointer, what)) {}

class SchemaReader::Inside {
 public:
  explicit Inside(SchemaReader& reader) : reader_(reader), open_(std::exchange(reader.open_, {})) {}
  ~Inside() { reader_.open_ = std::move(open_); }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  SchemaReader& reader_;
  std::set<std::string> open_;
};

SchemaReader::SchemaReader(const Json& root, bool strict, SchemaBudget& budget)
    : root_(root), strict_(strict), budget_(budget), notes_(strict), references_(root), kept_(budget.eighth()) {}

std::string SchemaReader::read() {
  (void)remembered(key_of(root_), "#", "root",
                   [this](const std::string& rule) { return expression(root_, "#", rule); });
  return rules_.text();
}

std::string SchemaReader::key_of(const Json& schema) { return fmt::format("at {}", static_cast<const void*>(&schema)); }

// What was made of a part that failed may refer to its rule: it is forgotten with it.
std::string SchemaReader::remembered(const std::string& key, const std::string& pointer, const std::string& wanted,
                                     const std::function<std::string(const std::string& rule)>& make) {
  if (const auto known = known_.find(key); known != known_.end()) {
    if (open_.contains(key)) throw NothingAllowed(pointer, kCircle);
    return known->second;
  }
  const std::size_t before = order_.size();
  const std::string rule = rules_.reserve(wanted);
  known_[key] = rule;
  order_.push_back(key);
  open_.insert(key);
  try {
    std::string body = make(rule);
    if (body == rule) throw NothingAllowed(pointer, kCircle);
    rules_.set(rule, std::move(body));
  } catch (...) {
    for (std::size_t i = before; i < order_.size(); ++i) known_.erase(order_[i]);
    order_.resize(before);
    open_.erase(key);
    rules_.set(rule, kNever);
    throw;
  }
  open_.erase(key);
  return rule;
}

void SchemaReader::count(const std::string& pointer) {
  if (!budget_.take_expression() || rules_.size() > kLargestText) too_large("size", pointer, kTooLarge);
}

void SchemaReader::count_values(const Json& schema, const std::string& pointer) {
  if (!budget_.take_values(values_in(schema))) too_large("size", pointer, kTooLarge);
}

std::string SchemaReader::expression(const Json& schema, const std::string& pointer, const std::string& name) {
  if (schema == true) return rules_.json("value");
  count(pointer);
  if (depth_ >= kDeepest) too_large("nesting", pointer, "it is too deep");
  struct Deeper {
    int& depth;
    explicit Deeper(int& of) : depth(of) { ++depth; }
    ~Deeper() { --depth; }
  } const deeper(depth_);
  return of_normal(normal_schema(schema, pointer, notes_), pointer, name);
}

std::string SchemaReader::value(const Json& schema, const std::string& pointer, const std::string& name) {
  const Inside inside(*this);
  try {
    return expression(schema, pointer, name);
  } catch (const NothingAllowed& nothing) {
    if (strict_) throw;
    const std::string what = nothing.what();
    notes_.wrong(pointer, "", what.substr(what.find("' ") + 2));
    return rules_.json("value");
  }
}

std::string SchemaReader::of_normal(const Json& schema, const std::string& pointer, const std::string& name) {
  if (schema == true) return rules_.json("value");
  if (schema == false) throw NothingAllowed(pointer, "allows nothing");
  if (schema.contains("$ref")) return reference(schema, pointer, name);
  if (schema.contains("allOf")) {
    const Json& parts = schema["allOf"];
    if (schema.size() == 1 && parts.size() == 1) return expression(parts[0], pointer + "/allOf/0", name);
    return of_joined(flat(schema, pointer), pointer, name);
  }
  if (const auto cases = next_cases(schema)) return one_case_of(*cases, pointer, name);
  if (schema.contains("anyOf")) return any_of("anyOf", schema, pointer, name);
  if (schema.contains("oneOf")) return any_of("oneOf", schema, pointer, name);
  return plain(schema, pointer, name);
}

// Remembered by what it is: where it comes again inside of itself, the rule goes round.
std::string SchemaReader::of_joined(const Json& schema, const std::string& pointer, const std::string& name) {
  if (schema == false) throw NothingAllowed(pointer, "allows nothing: what must hold in it contradicts itself");
  if (schema == true) return rules_.json("value");
  count(pointer);
  count_values(schema, pointer);
  return remembered(schema.dump(), pointer, name,
                    [&](const std::string& rule) { return of_normal(schema, pointer, rule); });
}

const Json* SchemaReader::referred_to(const std::string& target, const std::string& pointer) {
  const Json* there = references_.find(target);
  if (there != nullptr) return there;
  if (target.starts_with('#'))
    notes_.wrong(pointer, "$ref", fmt::format("refers to '{}', which is not there", target));
  else
    notes_.loosened(pointer, "$ref",
                    fmt::format("only places of the same schema can be referred to, not '{}'", target));
  return nullptr;
}

std::string SchemaReader::reference(const Json& schema, const std::string& pointer, const std::string& name) {
  const auto target = schema["$ref"].get<std::string>();
  const bool alone = schema.size() == 1;
  const bool or_null = schema.size() == 2 && schema.contains("nullable");
  if (!alone && !or_null) return of_joined(flat(schema, pointer), pointer, name);
  const Json* there = referred_to(target, pointer);
  if (there == nullptr) return rules_.json("value");
  const std::string place = target.starts_with('#') ? target : pointer;
  const std::string last = target.substr(target.find_last_of("/#") + 1);
  const std::string rule = remembered(key_of(*there), pointer, last.empty() ? "whole" : last,
                                      [&](const std::string& wanted) { return expression(*there, place, wanted); });
  return or_null ? gbnf_any_of({rule, rules_.json("null")}) : rule;
}

Json SchemaReader::flat(const Json& schema, const std::string& pointer) { return flat(schema, pointer, 0); }

Json SchemaReader::flat(const Json& schema, const std::string& pointer, int depth) {
  if (depth > kDeepest) throw NothingAllowed(pointer, kCircle);
  count(pointer);
  count_values(schema, pointer);
  Json out = normal_schema(schema, pointer, notes_);
  if (!out.is_object()) return out;
  const Json parts = out.value("allOf", Json::array());
  const Json reference = out.value("$ref", Json());
  out.erase("allOf");
  out.erase("$ref");
  if (reference.is_string()) {
    const auto target = reference.get<std::string>();
    if (const Json* there = referred_to(target, pointer); there != nullptr)
      out = joined(flat(*there, target.starts_with('#') ? target : pointer, depth + 1), out, pointer);
  }
  for (std::size_t i = 0; i < parts.size(); ++i)
    out = joined(out, flat(parts[i], fmt::format("{}/allOf/{}", pointer, i), depth + 1), pointer);
  return out;
}

Json SchemaReader::joined(const Json& first, const Json& second, const std::string& pointer) {
  count_values(first, pointer);
  count_values(second, pointer);
  return merge_schemas(first, second, pointer, notes_);
}

std::string SchemaReader::any_of(const char* keyword, const Json& schema, const std::string& pointer,
                                 const std::string& name) {
  Json beside = schema;
  beside.erase(keyword);
  beside.erase("discriminator");
  const Json branches = discriminated_branches(schema, keyword, references_);
  if (std::string_view(keyword) == "oneOf" && !strict_) check_exclusive(branches, pointer);
  std::vector<std::string> alternatives;
  for (std::size_t i = 0; i < branches.size(); ++i) {
    const std::string where = fmt::format("{}/{}/{}", pointer, keyword, i);
    const std::string wanted = fmt::format("{}-{}", name, i);
    const Json& branch = branches[i];
    if (branch == false) continue;
    add_where_possible(alternatives, [&] {
      return beside.empty() ? expression(branch, where, wanted)
                            : of_joined(joined(beside, flat(branch, where), where), where, wanted);
    });
  }
  if (alternatives.empty())
    throw NothingAllowed(pointer, fmt::format("allows nothing: no branch of its {} does", keyword));
  return gbnf_any_of(alternatives);
}

// A branch that nothing satisfies is not there: it is one of the others.
void SchemaReader::add_where_possible(std::vector<std::string>& alternatives,
                                      const std::function<std::string()>& make) {
  const std::size_t noted = notes_.all().size();
  try {
    add_once(alternatives, make());
  } catch (const NothingAllowed&) {
    notes_.go_back_to(noted);
  }
}

// Many of them are told apart by their types or by a member with a value of its own.
void SchemaReader::check_exclusive(const Json& branches, const std::string& pointer) {
  constexpr std::size_t kMostCompared = 100;
  const std::size_t noted = notes_.all().size();
  std::vector<Json> flats;
  bool exclusive = branches.size() <= kMostCompared;
  try {
    for (std::size_t i = 0; exclusive && i < branches.size(); ++i) flats.push_back(flat(branches[i], pointer));
  } catch (const NothingAllowed&) {
    exclusive = false;
  }
  notes_.go_back_to(noted);
  for (std::size_t i = 0; exclusive && i < flats.size(); ++i) {
    for (std::size_t k = i + 1; exclusive && k < flats.size(); ++k) exclusive = are_disjoint(flats[i], flats[k]);
  }
  if (!exclusive) notes_.unchecked(pointer, "oneOf", "that no more than one branch matches");
}

// Cases double with each condition: beyond that many, conditions are left out before the rest of the schema has to be.
bool SchemaReader::has_too_many_cases() const {
  return cases_ > kMostCases || open_cases_ > kMostOpenCases || rules_.size() > kLargestText / 2 ||
         budget_.is_below(kept_);
}

// Each joined with the rest, but for those that contradict it.
std::vector<Json> SchemaReader::possible_cases(const SchemaCases& cases, const std::string& pointer) {
  std::vector<Json> out;
  for (const Json& part : *cases.parts) {
    const std::size_t noted = notes_.all().size();
    try {
      out.push_back(joined(cases.rest, flat(part, pointer), pointer));
      if (out.back() != false) continue;
      out.pop_back();
    } catch (const NothingAllowed&) {  // as a branch that nothing satisfies
    }
    notes_.go_back_to(noted);
  }
  return out;
}

std::string SchemaReader::one_case_of(const SchemaCases& cases, const std::string& pointer, const std::string& name) {
  if (!cases.parts || has_too_many_cases()) {
    notes_.unchecked(pointer, cases.keyword,
                     cases.parts ? "there are too many cases" : "a grammar cannot tell its cases");
    Json rest = cases.rest;
    if (cases.parts) rest.erase(cases.keyword == "if" ? kConditions : cases.keyword);
    return of_normal(rest.empty() ? Json(true) : rest, pointer, name);
  }
  const std::size_t members = 1 + cases.rest.value("properties", Json::object()).size();
  const std::size_t open_before = open_cases_;
  const std::vector<Json> wholes = possible_cases(cases, pointer);
  std::vector<std::string> alternatives;
  for (std::size_t i = 0; i < wholes.size(); ++i) {
    cases_ += members;
    open_cases_ = open_before + wholes.size() - i - 1;
    add_where_possible(alternatives, [&] {
      return of_joined(wholes[i], pointer, fmt::format("{}-c{}", without_case(name), ++case_count_));
    });
  }
  open_cases_ = open_before;
  if (alternatives.empty()) throw NothingAllowed(pointer, fmt::format("allows nothing: see its {}", cases.keyword));
  return gbnf_any_of(alternatives);
}

std::string SchemaReader::plain(const Json& schema, const std::string& pointer, const std::string& name) {
  std::vector<std::string> alternatives;
  if (const auto values = allowed_values(schema)) {
    if (values->empty()) throw NothingAllowed(pointer, "allows nothing: no value of its enum is of its type");
    std::vector<std::string> texts;
    for (const Json& value : *values) texts.push_back(value.dump());
    alternatives.push_back(gbnf_any_word(rules_, name, std::move(texts)));
    for (const char* other : {"pattern", "format", "contentEncoding", "properties", "required", "additionalProperties",
                              "items", "multipleOf"}) {
      if (schema.contains(other)) notes_.unchecked(pointer, other, "it stands beside const or enum");
    }
  } else if (const auto types = types_of(schema); schema.contains(kOther)) {
    alternatives.push_back(without_values(types, schema, pointer, name));
  } else {
    for (const std::string& type : types) add_once(alternatives, of_type(type, schema, pointer, name));
  }
  if (schema.contains("nullable")) add_once(alternatives, rules_.json("null"));
  return gbnf_any_of(alternatives);
}

std::string SchemaReader::of_type(const std::string& type, const Json& schema, const std::string& pointer,
                                  const std::string& name) {
  if (type == "object") return object_grammar(*this, schema, pointer, name);
  if (type == "array") return array_grammar(*this, schema, pointer, name);
  if (type == "string") return string_grammar(*this, schema, pointer);
  if (type == "integer" || type == "number") return number_grammar(*this, schema, pointer, type == "integer");
  return rules_.json(type);
}

std::string SchemaReader::without_values(const std::vector<std::string>& types, const Json& schema,
                                         const std::string& pointer, const std::string& name) {
  const Json& others = schema[kOther];
  static const std::vector<std::string> kAll{"boolean", "null", "string", "number", "array", "object"};
  const bool any = types.size() == 1 && types.front() == "value";
  std::vector<std::string> alternatives;
  for (const std::string& type : any ? kAll : types) {
    const bool concerned = std::ranges::any_of(others, [&](const Json& one) { return may_be(one, {{"type", type}}); });
    if (type == "boolean") {
      for (const bool one : {true, false}) {
        if (!std::ranges::contains(others, Json(one))) alternatives.emplace_back(one ? R"("true")" : R"("false")");
      }
    } else if (type == "null" && concerned) {
      continue;
    } else if (type == "string" && concerned && string_grammar(*this, schema, pointer) == rules_.json("string")) {
      std::vector<std::string> words;
      for (const Json& one : others) {
        if (one.is_string()) words.push_back(one);
      }
      alternatives.push_back(rules_.add(name + "-none-of", gbnf_other_than(rules_, name + "-other", words)));
    } else {
      if (concerned) notes_.unchecked(pointer, "not", "a grammar cannot leave out these values");
      alternatives.push_back(of_type(type, schema, pointer, name));
    }
  }
  if (alternatives.empty()) throw NothingAllowed(pointer, "allows nothing: all its values are forbidden");
  return gbnf_any_of(alternatives);
}

}  // namespace plimsoll::grammar
