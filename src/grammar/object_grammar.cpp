#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "schema_reader.hpp"
#include "schema_values.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMostCounted = 4096;  // members times what they are counted to

struct Member {
  std::string pair;
  bool required = false;
};

// How many members there may be.
struct Counts {
  std::uint64_t least = 0;
  std::optional<std::uint64_t> most{};
};

class ObjectGrammar {
 public:
  ObjectGrammar(SchemaReader& reader, const Json& schema, const std::string& pointer, const std::string& name)
      : reader_(reader), rules_(reader.rules()), schema_(schema), pointer_(pointer), name_(name) {}

  std::string make() {
    const Json properties = schema_.value("properties", Json::object());
    additional_ = schema_.value("additionalProperties",
                                Json(!schema_.contains("properties") && !schema_.contains("patternProperties")));
    for (const Json& key : schema_.value("required", Json::array())) required_.insert(key.get<std::string>());
    for (const auto& [key, of] : properties.items()) add_declared(key, of);
    add_required();
    add_names();
    read_counts();
    const bool free = members_.empty() && additional_ == true && !schema_.contains("patternProperties") &&
                      !schema_.contains("propertyNames");
    if (free && counts_.least == 0 && !counts_.most) return rules_.json("object");
    const std::string more = other_members();
    const auto inside = in_order(more);
    if (!inside) throw NothingAllowed(pointer_, "allows nothing: it wants more members than it has");
    return fmt::format(R"("{{" {0} {1}{0} "}}")", rules_.json("ws"), inside->empty() ? "" : *inside + " ");
  }

 private:
  std::string pair(const std::string& key, const Json& of, const std::string& where, const std::string& name) {
    return fmt::format(R"({} ":" {} {})", key, rules_.json("ws"), reader_.value(of, where, name));
  }

  void add_member(const std::string& key, const Json& of, const std::string& where, bool required) {
    names_.push_back(key);
    members_.push_back(
        {.pair = pair(gbnf_literal(Json(key).dump()), of, where, name_ + "-" + key), .required = required});
  }

  void add_declared(const std::string& key, const Json& of) {
    const bool required = required_.contains(key);
    declared_.insert(key);
    if (of != false) return add_member(key, of, pointer_to(pointer_ + "/properties", key), required);
    if (required)
      throw NothingAllowed(pointer_, fmt::format("allows nothing: it requires {} and forbids it", Json(key).dump()));
    names_.push_back(key);
  }

  // Members that have to be there and are described nowhere.
  void add_required() {
    for (const Json& key : schema_.value("required", Json::array())) {
      const auto name = key.get<std::string>();
      if (declared_.contains(name)) continue;
      const bool closed = schema_.contains("additionalProperties") && additional_ == false;
      if (closed && !schema_.contains("patternProperties"))
        throw NothingAllowed(pointer_, fmt::format("allows nothing: it requires {} and forbids it", key.dump()));
      declared_.insert(name);
      add_member(name, additional_ == false ? Json(true) : additional_, pointer_ + "/additionalProperties", true);
    }
  }

  // Names out of a list are members that may be there.
  void add_names() {
    if (!schema_.contains("propertyNames")) return;
    const Json names = reader_.flat(schema_["propertyNames"], pointer_ + "/propertyNames");
    const auto listed = allowed_values(names);
    if (!listed || additional_ == false) return;
    for (const Json& name : *listed) {
      if (name.is_string() && declared_.insert(name.get<std::string>()).second)
        add_member(name, additional_, pointer_ + "/additionalProperties", false);
    }
    additional_ = false;
  }

  void read_counts() {
    if (schema_.contains("minProperties")) counts_.least = schema_["minProperties"].get<std::uint64_t>();
    if (schema_.contains("maxProperties")) counts_.most = schema_["maxProperties"].get<std::uint64_t>();
    if (counts_.most && *counts_.most < counts_.least)
      throw NothingAllowed(pointer_, "allows nothing: maxProperties is below minProperties");
    const auto required = static_cast<std::uint64_t>(std::ranges::count(members_, true, &Member::required));
    if (counts_.least <= required) counts_.least = 0;
    const bool open = additional_ != false || schema_.contains("patternProperties");
    if (counts_.most && !open && *counts_.most >= members_.size()) counts_.most.reset();
    const std::uint64_t cap = counts_.most.value_or(counts_.least);
    if (cap * std::max<std::uint64_t>(members_.size(), 1) <= kMostCounted) return;
    for (const char* key : {"minProperties", "maxProperties"}) {
      if (schema_.contains(key)) reader_.notes().unchecked(pointer_, key, "it is too large to be counted by a grammar");
    }
    counts_ = {};
  }

  // A rule for one member that is none of those above; empty: there are none.
  std::string other_members() {
    std::vector<std::string> kinds = pattern_members();
    if (additional_ != false) {
      if (!kinds.empty())
        reader_.notes().loosened(pointer_, "patternProperties", "a grammar cannot tell its names from the others");
      kinds.push_back(pair(other_name(), additional_, pointer_ + "/additionalProperties", name_ + "-more"));
    }
    return kinds.empty() ? "" : rules_.add(name_ + "-more", gbnf_any_of(kinds));
  }

  std::vector<std::string> pattern_members() {
    std::vector<std::string> kinds;
    const Json patterns = schema_.value("patternProperties", Json::object());
    for (const auto& [pattern, of] : patterns.items()) {
      if (of == false) continue;
      const std::string where = pointer_to(pointer_ + "/patternProperties", pattern);
      const Json names{{"type", "string"}, {"pattern", pattern}};
      kinds.push_back(pair(string_grammar(reader_, names, where), of, where, name_ + "-like"));
    }
    const bool overlap = patterns.size() > 1 || (!patterns.empty() && !declared_.empty());
    if (overlap)
      reader_.notes().loosened(pointer_, "patternProperties",
                               "a name that two of its parts speak of follows one of them");
    return kinds;
  }

  std::string other_name() {
    if (schema_.contains("propertyNames")) {
      Json names = reader_.flat(schema_["propertyNames"], pointer_ + "/propertyNames");
      if (names == false) throw NothingAllowed(pointer_, "allows nothing: no name is allowed");
      if (names.is_object()) {
        names["type"] = "string";
        if (!declared_.empty())
          reader_.notes().unchecked(pointer_, "propertyNames", "a name that is declared may come again");
        return string_grammar(reader_, names, pointer_ + "/propertyNames");
      }
    }
    return gbnf_other_than(rules_, name_ + "-other", names_);
  }

  // Members in their order, the optional ones there or not: a rule for each of them and each count of members before
  // it, from the last to the first. Counts that make no difference are one. nullopt: nothing can be written.
  std::optional<std::string> in_order(const std::string& more) {
    const std::size_t cap = std::max<std::uint64_t>(counts_.most.value_or(counts_.least), 1);
    std::vector<std::optional<std::string>> next;
    for (std::size_t count = 0; count <= cap; ++count) next.push_back(tail(more, count));
    for (std::size_t i = members_.size(); i-- > 0;) {
      const std::string member = rules_.add(fmt::format("{}-m{}", name_, i), members_[i].pair);
      std::vector<std::optional<std::string>> here(cap + 1);
      for (std::size_t count = 0; count <= std::min(cap, i); ++count) {
        const bool full = counts_.most && count >= *counts_.most;
        const auto& behind = next[std::min(count + 1, cap)];
        std::optional<std::string> with;
        if (!full && behind) with = (count > 0 ? comma() : "") + member + (behind->empty() ? "" : " " + *behind);
        here[count] = either(members_[i].required ? std::nullopt : next[count], with, i, count);
      }
      next = std::move(here);
    }
    return next[0];
  }

  std::string comma() { return R"("," )" + rules_.json("ws") + " "; }

  // An alternative that is empty must be the first: behind a | the engine reads on into the next line.
  std::optional<std::string> either(const std::optional<std::string>& without, const std::optional<std::string>& with,
                                    std::size_t i, std::size_t count) {
    if (!without && !with) return std::nullopt;
    if (!with) return without;
    const std::string name =
        fmt::format("{}-{}{}", name_, count == 0 ? "b" : "a", i) + (count > 1 ? fmt::format("-{}", count) : "");
    return rules_.add(name, without ? *without + " | " + *with : *with);
  }

  // Behind the last member.
  std::optional<std::string> tail(const std::string& more, std::uint64_t count) {
    const std::uint64_t least = counts_.least > count ? counts_.least - count : 0;
    if (counts_.most && *counts_.most < count) return std::nullopt;
    const std::optional<std::uint64_t> most = counts_.most ? std::optional(*counts_.most - count) : std::nullopt;
    if (more.empty() || most == 0) return least == 0 ? std::optional(std::string{}) : std::nullopt;
    const std::string again = rules_.shared(name_ + "-next", comma() + more);
    if (count > 0) return rules_.named(name_ + "-end", rules_.repeated(again, least, most));
    const auto rest = most ? std::optional(*most - 1) : std::nullopt;
    const std::string several = more + " " + rules_.repeated(again, least > 0 ? least - 1 : 0, rest);
    return rules_.add(name_ + "-begin", least > 0 ? several : "(" + several + ")?");
  }

  SchemaReader& reader_;
  GbnfRules& rules_;
  const Json& schema_;
  const std::string& pointer_;
  const std::string& name_;
  Json additional_;
  std::set<std::string> required_;
  std::set<std::string> declared_;
  std::vector<std::string> names_;  // that other members do not have
  std::vector<Member> members_;
  Counts counts_;
};

}  // namespace

std::string object_grammar(SchemaReader& reader, const Json& schema, const std::string& pointer,
                           const std::string& name) {
  return ObjectGrammar(reader, schema, pointer, name).make();
}

}  // namespace plimsoll::grammar
