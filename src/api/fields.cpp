#include "api/fields.hpp"

#include <fmt/format.h>

#include <limits>

#include "api/unknown_fields.hpp"

namespace plimsoll::api {

Fields::Fields(const Json& object, std::string path) : object_(object), path_(std::move(path)) {
  if (!object.is_object())
    throw bad_request(fmt::format("{} must be an object", path_.empty() ? "the body" : "'" + path_ + "'")).at(path_);
}

std::string Fields::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

void Fields::fail(std::string_view key, const std::string& sentence) const {
  const std::string path = path_of(key);
  throw bad_request(fmt::format("'{}' {}", path, sentence)).at(path);
}

const Json* Fields::find(const char* key) {
  known_.insert(key);
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

bool Fields::has_null(const char* key) const {
  const auto found = object_.find(key);
  return found != object_.end() && found->is_null();
}

const Json& Fields::need(const char* key) {
  const Json* value = find(key);
  if (value == nullptr) fail(key, "is missing");
  return *value;
}

std::optional<std::string> Fields::text(const char* key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) fail(key, "must be a string");
  return value->get<std::string>();
}

std::string Fields::need_text(const char* key) {
  (void)need(key);
  return *text(key);
}

std::optional<bool> Fields::flag(const char* key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) fail(key, "must be true or false");
  return value->get<bool>();
}

std::optional<std::int64_t> Fields::whole(const char* key, std::int64_t least, std::int64_t most) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto sentence = [&] { return fmt::format("must be a whole number from {} to {}", least, most); };
  if (!value->is_number()) fail(key, sentence());
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(most))
    fail(key, sentence());
  if (value->is_number_float()) {  // 1e3 and 5.0 are whole, too
    const double given = value->get<double>();
    constexpr double kBeyond = 9.2e18;  // what would not fit into 64 bits
    if (std::trunc(given) != given || std::abs(given) > kBeyond || given < static_cast<double>(least) ||
        given > static_cast<double>(most))
      fail(key, sentence());
    return static_cast<std::int64_t>(given);
  }
  const auto given = value->get<std::int64_t>();
  if (given < least || given > most) fail(key, sentence());
  return given;
}

std::optional<double> Fields::number(const char* key, double least, double most) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  const double given = value->is_number() ? value->get<double>() : std::numeric_limits<double>::quiet_NaN();
  if (!(given >= least && given <= most)) fail(key, fmt::format("must be a number from {} to {}", least, most));
  return given;
}

void Fields::ignore(std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (known_.insert(key).second && object_.contains(key)) UnknownFields::met_needless(path_of(key));
  }
}

bool Fields::asks_for_it(const char* key, const Json& harmless) {
  const Json* value = find(key);
  if (value == nullptr || *value == Json(false) || *value == harmless) return false;
  return !((value->is_array() || value->is_object()) && value->empty());
}

void Fields::refuse(const char* key, const char* why, const Json& harmless) {
  if (asks_for_it(key, harmless)) fail(key, fmt::format("is not supported here: {}", why));
}

void Fields::pass_over(const char* key, const char* why, const Json& harmless) {
  if (asks_for_it(key, harmless)) UnknownFields::met(path_of(key), why);
}

void Fields::pass_over(std::initializer_list<const char*> keys, const char* why) {
  for (const char* key : keys) pass_over(key, why);
}

void Fields::pass_over_unknown() const {
  for (const auto& [key, value] : object_.items()) {
    if (!known_.contains(key)) UnknownFields::met(path_of(key));
  }
}

std::vector<engine::Token> read_tokens(const Json& array, const std::string& path) {
  std::vector<engine::Token> tokens;
  tokens.reserve(array.size());
  for (const Json& entry : array) {
    const bool fits = entry.is_number_integer() && entry >= 0 && entry <= std::numeric_limits<engine::Token>::max();
    if (!fits) throw bad_request(fmt::format("'{}' must hold token ids, which are whole numbers", path)).at(path);
    tokens.push_back(entry.get<engine::Token>());
  }
  return tokens;
}

}  // namespace plimsoll::api
