#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "schema_reader.hpp"
#include "schema_values.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostUnique = 6;  // different values whose every order is a rule: 2 to the power of that many
constexpr std::uint64_t kMostContained = 16;

class ArrayGrammar {
 public:
  ArrayGrammar(SchemaReader& reader, const Json& schema, const std::string& pointer, const std::string& name)
      : reader_(reader), rules_(reader.rules()), schema_(schema), pointer_(pointer), name_(name) {
    const bool old_tuple = schema.contains("items") && schema["items"].is_array();
    prefix_key_ = old_tuple ? "items" : "prefixItems";
    rest_key_ = old_tuple ? "additionalItems" : "items";
    prefix_ = schema.value(prefix_key_, Json::array());
  }

  std::string make() {
    least_ = schema_.value("minItems", std::uint64_t{0});
    if (schema_.contains("maxItems")) most_ = schema_["maxItems"].get<std::uint64_t>();
    const std::uint64_t before = prefix_.size();
    rest_ = schema_.value(rest_key_, Json(prefix_.empty() || least_ > before));
    if (rest_ == false) most_ = std::min<std::uint64_t>(most_.value_or(before), before);
    if (most_ && *most_ < least_) throw NothingAllowed(pointer_, "allows nothing: it wants more items than it has");
    std::string inside;
    if (auto unique = unique_items())
      inside = std::move(*unique);
    else if (auto contained = containing())
      inside = std::move(*contained);
    else
      inside = items();
    return fmt::format(R"("[" {0} {1}"]")", rules_.json("ws"),
                       inside.empty() ? "" : inside + " " + rules_.json("ws") + " ");
  }

 private:
  [[nodiscard]] std::string comma() { return R"("," )" + rules_.json("ws") + " "; }

  // An item of what follows the prefix: always one word.
  std::string rest_item() {
    return rules_.named(name_ + "-item", reader_.value(rest_, pointer_to(pointer_, rest_key_), name_ + "-item"));
  }

  std::string items() {
    const std::uint64_t fixed = std::min<std::uint64_t>(prefix_.size(), most_.value_or(prefix_.size()));
    std::string tail;
    if (rest_ != false && (!most_ || *most_ > fixed)) {
      const std::uint64_t least = least_ > fixed ? least_ - fixed : 0;
      tail = behind_prefix(fixed > 0, least, most_ ? std::optional(*most_ - fixed) : std::nullopt);
    }
    for (std::size_t i = fixed; i-- > 0;) {
      const std::string where = fmt::format("{}/{}/{}", pointer_, prefix_key_, i);
      const std::string item = reader_.value(prefix_[i], where, fmt::format("{}-{}", name_, i));
      tail = (i > 0 ? comma() : "") + item + (tail.empty() ? "" : " " + tail);
      if (i >= least_) tail = "(" + tail + ")?";
    }
    return tail;
  }

  std::string behind_prefix(bool follows, std::uint64_t least, std::optional<std::uint64_t> most) {
    const std::string item = rest_item();
    if (most == 1 && !follows) return least == 1 ? item : item + "?";
    const std::string next = rules_.shared(name_ + "-next", comma() + item);
    if (follows) return counted(next, least, most);
    const std::string again = counted(next, least > 0 ? least - 1 : 0, most ? std::optional(*most - 1) : std::nullopt);
    return least > 0 ? item + " " + again : "(" + item + " " + again + ")?";
  }

  // Too many to be counted: then they are not.
  std::string counted(const std::string& next, std::uint64_t least, std::optional<std::uint64_t> most) {
    try {
      return rules_.repeated(next, least, most);
    } catch (const Error&) {
      for (const char* key : {"minItems", "maxItems"}) {
        if (schema_.contains(key))
          reader_.notes().unchecked(pointer_, key, "it is too large to be counted by a grammar");
      }
      return next + "*";
    }
  }

  // The values that items can have, where those are few.
  [[nodiscard]] std::optional<std::vector<std::string>> few_values() {
    if (!prefix_.empty() || rest_ == true || rest_ == false) return std::nullopt;
    const Json item = reader_.flat(rest_, pointer_to(pointer_, rest_key_));
    if (!item.is_object()) return std::nullopt;
    std::vector<std::string> words;
    if (const auto values = allowed_values(item)) {
      for (const Json& value : *values) words.push_back(gbnf_literal(value.dump()));
    } else if (item.size() == 1 && item.value("type", Json()) == "boolean") {
      words = {R"("true")", R"("false")"};
    }
    std::ranges::sort(words);
    words.erase(std::ranges::unique(words).begin(), words.end());
    return words.empty() || words.size() > kMostUnique ? std::nullopt : std::optional(words);
  }

  // uniqueItems of few values: a rule for each set of those that have come.
  std::optional<std::string> unique_items() {
    if (!schema_.contains("uniqueItems") || (most_ && *most_ <= 1)) return std::nullopt;
    const auto words = few_values();
    if (!words || schema_.contains("contains")) {
      reader_.notes().unchecked(pointer_, "uniqueItems", "a grammar holds that of few values alone");
      return std::nullopt;
    }
    if (least_ > words->size())
      throw NothingAllowed(pointer_, "allows nothing: it wants more items than there are values");
    const std::size_t sets = std::size_t{1} << words->size();
    std::vector<std::string> rule(sets);
    for (std::size_t set = sets; set-- > 0;) {
      const auto count = static_cast<std::uint64_t>(std::popcount(set));
      if (most_ && count > *most_) continue;
      std::vector<std::string> alternatives;
      for (std::size_t i = 0; i < words->size() && !(most_ && count == *most_); ++i) {
        if ((set >> i & 1U) != 0) continue;
        const std::string& behind = rule[set | std::size_t{1} << i];
        alternatives.push_back((count > 0 ? comma() : "") + (*words)[i] + (behind.empty() ? "" : " " + behind));
      }
      if (alternatives.empty()) continue;
      const std::string body = gbnf_any_of(alternatives);
      rule[set] = rules_.shared(name_ + "-unique", count >= least_ ? "(" + body + ")?" : body);
    }
    return rule[0];
  }

  // One item among the others that is more than they are.
  std::optional<std::string> containing() {
    if (!schema_.contains("contains")) return std::nullopt;
    const std::uint64_t wanted = schema_.value("minContains", std::uint64_t{1});
    if (schema_.contains("maxContains"))
      reader_.notes().loosened(pointer_, "maxContains", "a grammar cannot count what it contains");
    if (wanted == 0) return std::nullopt;
    if (wanted > kMostContained || !prefix_.empty() || least_ > wanted || most_ || rest_ == false) {
      if (wanted == 1)
        reader_.notes().unchecked(pointer_, "contains", "a grammar cannot count beside it");
      else
        reader_.notes().loosened(pointer_, "minContains", "a grammar cannot count beside it");
      return std::nullopt;
    }
    const std::string where = pointer_ + "/contains";
    const Json both{{"allOf", Json::array({schema_["contains"], rest_})}};
    const std::string one = rules_.named(name_ + "-one", reader_.value(both, where, name_ + "-one"));
    const std::string any = rest_item();
    const std::string lead = rules_.shared(name_ + "-lead", "(" + any + " " + comma() + ")* " + one);
    std::string all = lead;
    for (std::uint64_t i = 1; i < wanted; ++i) all += " " + comma() + lead;
    return all + " (" + comma() + any + ")*";
  }

  SchemaReader& reader_;
  GbnfRules& rules_;
  const Json& schema_;
  const std::string& pointer_;
  const std::string& name_;
  const char* prefix_key_ = "";
  const char* rest_key_ = "";
  Json prefix_;
  Json rest_;
  std::uint64_t least_ = 0;
  std::optional<std::uint64_t> most_;
};

}  // namespace

std::string array_grammar(SchemaReader& reader, const Json& schema, const std::string& pointer,
                          const std::string& name) {
  return ArrayGrammar(reader, schema, pointer, name).make();
}

}  // namespace plimsoll::grammar
