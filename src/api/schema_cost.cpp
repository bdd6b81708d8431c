#include "schema_cost.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace plimsoll::api {
namespace {

using PlainJson = nlohmann::json;

constexpr std::uint64_t kMostSteps = 300'000;
constexpr std::size_t kMostPairs = 300'000;

// The steps for a schema and a value are those of its parts; a pair is counted once, however often it is met.
class Cost {
 public:
  explicit Cost(const PlainJson& root) : root_(root) {}

  std::uint64_t of(const PlainJson& schema, const PlainJson& value) {
    if (!schema.is_object()) return 1;
    const auto [known, is_new] = steps_.try_emplace(std::pair{&schema, &value}, kMostSteps + 1);
    if (!is_new) return known->second;
    if (steps_.size() > kMostPairs) return kMostSteps + 1;
    std::uint64_t steps = 1 + value.size() / 16;
    const auto add = [&](const PlainJson& part, const PlainJson& of_value) {
      if (steps <= kMostSteps) steps += of(part, of_value);
    };
    if (const auto reference = schema.find("$ref"); reference != schema.end())
      add(root_.at(PlainJson::json_pointer(reference->get_ref<const std::string&>().substr(1))), value);
    for (const char* key : {"allOf", "anyOf", "oneOf", "dependencies"}) {
      if (const auto parts = schema.find(key); parts != schema.end())
        for (const PlainJson& part : *parts) add(part, value);
    }
    for (const char* key : {"not", "if", "then", "else"}) {
      if (const auto part = schema.find(key); part != schema.end()) add(*part, value);
    }
    if (value.is_object()) members(schema, value, add);
    if (value.is_array()) items(schema, value, add);
    if (value.is_array() && schema.contains("uniqueItems")) steps += value.size() * value.size() / 32;
    if (const auto list = schema.find("enum"); list != schema.end()) steps += list->size();
    return steps_[{&schema, &value}] = steps;
  }

 private:
  template <class Add>
  static void members(const PlainJson& schema, const PlainJson& value, const Add& add) {
    static const PlainJson kName = "";
    const auto properties = schema.find("properties");
    const auto others = schema.find("additionalProperties");
    for (const auto& [name, member] : value.items()) {
      const bool described = properties != schema.end() && properties->contains(name);
      if (described)
        add((*properties)[name], member);
      else if (others != schema.end())
        add(*others, member);
      if (const auto names = schema.find("propertyNames"); names != schema.end()) add(*names, kName);
    }
  }

  template <class Add>
  static void items(const PlainJson& schema, const PlainJson& value, const Add& add) {
    const auto items = schema.find("items");
    const auto others = schema.find("additionalItems");
    const auto contains = schema.find("contains");
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (items != schema.end() && !items->is_array())
        add(*items, value[i]);
      else if (items != schema.end() && i < items->size())
        add((*items)[i], value[i]);
      else if (others != schema.end())
        add(*others, value[i]);
      if (contains != schema.end()) add(*contains, value[i]);
    }
  }

  const PlainJson& root_;
  std::map<std::pair<const PlainJson*, const PlainJson*>, std::uint64_t> steps_;
};

}  // namespace

bool is_affordable(const PlainJson& schema, const PlainJson& value) {
  return Cost(schema).of(schema, value) <= kMostSteps;
}

}  // namespace plimsoll::api
