// json_fields: a value to JSON and back by one function for its type, which names every member once. For sources, not
// for headers: whoever includes this links nlohmann_json.
//
//   template <>
//   struct JsonFields<Range> {
//     static void visit(auto& visit, auto& range) {
//       visit("first", range.first);
//       visit("last", range.last);
//     }
//   };
//
// makes `Json(range)` and `json.get<Range>()` work, also for vectors of it and as a member of others. What is missing
// or of another type is nlohmann's exception; a number that the type does not have is Error{unsupported}.
#pragma once
#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/base/error.hpp>

namespace plimsoll {

template <class T>
struct JsonFields;
template <class T>
concept HasJsonFields = requires { sizeof(JsonFields<T>); };

template <class Json>
class JsonWriter {
 public:
  explicit JsonWriter(Json& json) : json_(json) {}
  void operator()(const char* key, const auto& value) { json_[key] = value; }
  template <class T>
  void operator()(const char* key, const std::optional<T>& value) {
    json_[key] = value ? Json(*value) : Json(nullptr);
  }
  // Written only where it is `present`.
  void may_lack(const char* key, const auto& value, bool present = true) {
    if (present) (*this)(key, value);
  }
  // An enumerator as a number, from the first to the last.
  void choice(const char* key, auto value, auto /*first*/, auto /*last*/) { json_[key] = static_cast<int>(value); }
  // An array of just these; `whole`: in the place of the object.
  void list(const char* key, const auto&... values) { json_[key] = Json::array({values...}); }
  void whole(const auto&... values) { json_ = Json::array({values...}); }

 private:
  Json& json_;
};

[[noreturn]] inline void refuse_json(std::string_view why, const auto& json) {
  throw Error(ErrorCode::unsupported, fmt::format("{} {}", why, json.dump()));
}

template <class Json>
class JsonReader {
 public:
  explicit JsonReader(const Json& json) : json_(json) {}
  void operator()(const char* key, auto& value) { json_.at(key).get_to(value); }
  template <class T>
  void operator()(const char* key, std::optional<T>& value) {
    const Json& json = json_.at(key);
    value = json.is_null() ? std::nullopt : std::optional(json.template get<T>());
  }
  void may_lack(const char* key, auto& value, bool /*present*/ = true) {
    if (json_.contains(key)) (*this)(key, value);
  }
  template <class Enum>
  void choice(const char* key, Enum& value, Enum first, Enum last) {
    const auto number = json_.at(key).template get<std::int64_t>();
    if (number < static_cast<std::int64_t>(first) || number > static_cast<std::int64_t>(last))
      refuse_json("there is no value", json_.at(key));
    value = static_cast<Enum>(number);
  }
  void list(const char* key, auto&... values) { JsonReader(json_.at(key)).whole(values...); }
  void whole(auto&... values) {
    std::size_t i = 0;
    (json_.at(i++).get_to(values), ...);
  }

 private:
  const Json& json_;
};

}  // namespace plimsoll

template <class T>
  requires plimsoll::HasJsonFields<T>
struct nlohmann::adl_serializer<T, void> {
  template <class Json>
  static void to_json(Json& json, const T& value) {
    plimsoll::JsonWriter<Json> visit(json);
    plimsoll::JsonFields<T>::visit(visit, value);
  }
  template <class Json>
  static void from_json(const Json& json, T& value) {
    plimsoll::JsonReader<Json> visit(json);
    plimsoll::JsonFields<T>::visit(visit, value);
  }
};

template <>
struct nlohmann::adl_serializer<plimsoll::Bytes> {
  static void to_json(auto& json, plimsoll::Bytes bytes) { json = bytes.value(); }
  static void from_json(const auto& json, plimsoll::Bytes& bytes) {
    if (!json.is_number_unsigned()) plimsoll::refuse_json("an amount of memory cannot be", json);
    bytes = plimsoll::Bytes{json.template get<std::uint64_t>()};
  }
};
