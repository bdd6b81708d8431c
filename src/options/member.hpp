// member: a row of the table for a member of a struct, by the member's type.
#pragma once
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <concepts>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <variant>

#include <plimsoll/base/error.hpp>
#include "base/parse_number.hpp"
#include "base/utf8.hpp"
#include "options/table.hpp"

namespace plimsoll::options {

// An enumeration of the engine's: its names, the engine's own reading of them, and its ends.
template <class Enum>
struct Choice;

template <class Enum>
concept HasChoice = requires { Choice<Enum>::names; };

[[noreturn]] inline void not_known(const Option& option, const std::string& place, const std::string& text) {
  throw Error(ErrorCode::usage, fmt::format("{} does not know '{}'; it takes {}", place, text, option.wants));
}

inline std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find(',', from), text.size());
    parts.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

// Text.
inline void read(bool& value, const Option& option, const std::string& place, const std::string& text) {
  if (text != "true" && text != "false") not_known(option, place, text);
  value = text == "true";
}
template <std::integral Number>
void read(Number& value, const Option& option, const std::string& place, const std::string& text) {
  const auto number = parse_number<std::int64_t>(text);
  if (!number) not_known(option, place, text);
  if (*number < option.least || *number > option.most)
    throw Error(ErrorCode::usage,
                fmt::format("{} is {}, and must be {} to {}", place, *number, option.least, option.most));
  value = static_cast<Number>(*number);
}
inline void read(float& value, const Option& option, const std::string& place, const std::string& text) {
  const auto number = parse_number<float>(text);
  if (!number) not_known(option, place, text);
  value = *number;
}
template <class Value>
void read(std::optional<Value>& value, const Option& option, const std::string& place, const std::string& text) {
  read(value.emplace(), option, place, text);
}
template <HasChoice Enum>
void read(Enum& value, const Option& option, const std::string& place, const std::string& text) {
  const std::optional<Enum> known = Choice<Enum>::parse(text);
  if (!known) not_known(option, place, text);
  value = *known;
}
inline void read(std::string& value, const Option&, const std::string&, const std::string& text) { value = text; }
inline void read(std::vector<std::string>& value, const Option&, const std::string&, const std::string& text) {
  value = split_at_commas(text);
  std::erase(value, "");
}
inline void read(std::vector<float>& value, const Option& option, const std::string& place, const std::string& text) {
  value.clear();
  for (const std::string& share : split_at_commas(text)) {
    const auto number = parse_number<float>(share);
    if (!number || !(*number >= 0)) not_known(option, place, text);
    value.push_back(*number);
  }
}
inline void read(std::vector<engine::TensorOverride>& value, const Option&, const std::string& place,
                 const std::string& text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos)
    throw Error(ErrorCode::usage, fmt::format("{} '{}' is not of the form PATTERN=BUFFER", place, text));
  value.push_back({.pattern = text.substr(0, equals), .buffer_type = text.substr(equals + 1)});
}

inline void read(std::vector<engine::MetadataOverride>& value, const Option&, const std::string& place,
                 const std::string& text) {
  const auto entries = engine::metadata_overrides_from_string(text);
  if (!entries)
    throw Error(
        ErrorCode::usage,
        fmt::format("{} '{}' is not of the form KEY=TYPE:VALUE, where a value is int:5, float:0.5, bool:true or "
                    "str:text",
                    place, as_utf8(text)));
  value.insert(value.end(), entries->begin(), entries->end());
}

inline std::string text_of(bool value) { return value ? "true" : "false"; }
template <std::integral Number>
std::string text_of(Number value) {
  return std::to_string(value);
}
inline std::string text_of(float value) { return fmt::format("{}", value); }
template <class Value>
std::string text_of(const std::optional<Value>& value) {
  return value ? text_of(*value) : "";
}
template <HasChoice Enum>
std::string text_of(Enum value) {
  for (const char* name : Choice<Enum>::names) {
    if (Choice<Enum>::parse(name) == value) return name;
  }
  return "";
}
inline std::string text_of(const std::string& value) { return value; }
template <class Value>
std::string text_of(const std::vector<Value>& value) {
  return fmt::format("{}", fmt::join(value, ","));
}
inline std::string text_of(const std::vector<engine::TensorOverride>& value) {
  std::string text;
  for (const auto& one : value) text += fmt::format("{}{}={}", text.empty() ? "" : ",", one.pattern, one.buffer_type);
  return text;
}
inline std::string text_of(const std::vector<engine::MetadataOverride>& value) {
  std::string text;
  for (const auto& one : value) text += (text.empty() ? "" : ",") + to_string(one);
  return text;
}

// JSON.
template <class Value>
Json json_of(const Value& value) {
  if constexpr (HasChoice<Value>) {
    return static_cast<int>(value);
  } else {
    return value;
  }
}
template <class Value>
Json json_of(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}
inline Json json_of(const std::vector<engine::TensorOverride>& value) {
  Json json = Json::array();
  for (const auto& one : value) json.push_back({one.pattern, one.buffer_type});
  return json;
}
inline Json json_of(const std::vector<engine::MetadataOverride>& value) {
  Json json = Json::array();
  for (const auto& one : value)
    std::visit([&](const auto& of_its_type) { json.push_back({one.key, of_its_type}); }, one.value);
  return json;
}

template <class Value>
void take(Value& value, const Json& json) {
  json.get_to(value);
}
template <class Value>
void take(std::optional<Value>& value, const Json& json) {
  value = json.is_null() ? std::nullopt : std::optional(json.get<Value>());
}
template <HasChoice Enum>  // what names no enumerator would be an index into the engine's tables
void take(Enum& value, const Json& json) {
  const auto number = json.get<std::int64_t>();
  if (number < static_cast<std::int64_t>(Choice<Enum>::first) || number > static_cast<std::int64_t>(Choice<Enum>::last))
    throw Error(ErrorCode::unsupported,
                fmt::format("this dry run is not of this version: there is no value {}", json.dump()));
  value = static_cast<Enum>(number);
}
inline void take(std::vector<engine::TensorOverride>& value, const Json& json) {
  value.clear();
  for (const Json& pair : json) value.push_back({.pattern = pair.at(0), .buffer_type = pair.at(1)});
}
inline void take(std::vector<engine::MetadataOverride>& value, const Json& json) {
  value.clear();
  for (const Json& pair : json) {
    engine::MetadataOverride& entry = value.emplace_back(engine::MetadataOverride{.key = pair.at(0), .value = {}});
    const Json& given = pair.at(1);
    if (given.is_boolean())
      entry.value = given.get<bool>();
    else if (given.is_number_integer())
      entry.value = given.get<std::int64_t>();
    else if (given.is_number())
      entry.value = given.get<double>();
    else
      entry.value = given.get<std::string>();
  }
}

// What a type says of its options, where the row does not.
template <class Value>
Option described(Option option) {
  if constexpr (std::same_as<Value, bool>) {
    option.kind = Kind::flag;
    option.wants = "true or false";
  } else if constexpr (std::integral<Value> || std::same_as<Value, std::optional<std::uint32_t>>) {
    option.kind = Kind::number;
    option.wants = "a whole number";
  } else if constexpr (std::same_as<Value, float>) {
    option.kind = Kind::real;
    option.wants = "a number";
  } else if constexpr (HasChoice<Value>) {
    option.words.assign(std::begin(Choice<Value>::names), std::end(Choice<Value>::names));
    for (std::size_t i = 0; i < option.words.size(); ++i)
      option.wants += (i == 0 ? "" : i + 1 < option.words.size() ? ", " : " or ") + option.words[i];
  } else if constexpr (std::same_as<Value, std::vector<engine::TensorOverride>> ||
                       std::same_as<Value, std::vector<engine::MetadataOverride>>) {
    option.kind = Kind::list;
    option.repeats = true;
  }
  return option;
}

template <class Params, class Value>
class Member : public Row<Params> {
 public:
  Member(Value Params::* member, Option option) : Row<Params>(described<Value>(std::move(option))), member_(member) {}
  void read(Params& params, const std::string& place, const std::string& text) const override {
    options::read(params.*member_, *this, place, text);
  }
  [[nodiscard]] std::string text(const Params& params) const override { return text_of(params.*member_); }
  [[nodiscard]] Json to_json(const Params& params) const override { return json_of(params.*member_); }
  void from_json(Params& params, const Json& json) const override { take(params.*member_, json); }
  void follow(Params& other, const Params& from, const Params& to) const override {
    if (other.*member_ == from.*member_) other.*member_ = to.*member_;
  }

 private:
  Value Params::* member_;
};

// The rows themselves. A test may add one.
template <class Params>
Rows<Params>& mutable_rows();

// Adds a row and hands it out for what seldom differs. The key is the long flag's name: of "--no-repack" it is
// "repack".
template <class Params, class Value>
Option& add(Rows<Params>& rows, Value Params::* member, Option option) {
  if (option.key.empty() && !option.flags.empty())
    option.key = option.long_flag().substr(option.long_flag().starts_with("--no-") ? 5 : 2);
  auto row = std::make_unique<Member<Params, Value>>(member, std::move(option));
  Option& added = *row;
  rows.push_back(std::move(row));
  return added;
}

}  // namespace plimsoll::options
