#include "engine/metadata_override.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/parse_number.hpp"
#include "base/utf8.hpp"

namespace plimsoll::engine {
namespace {

// By their place in MetadataOverride's variant.
constexpr std::array<std::string_view, 4> kTypes{"int", "float", "bool", "str"};

template <class Value>
bool put(MetadataOverride& entry, const std::optional<Value>& value) {
  if (value) entry.value = *value;
  return value.has_value();
}

bool read_value(MetadataOverride& entry, std::string_view type, std::string_view value) {
  if (type == "int") return put(entry, parse_number<std::int64_t>(value));
  if (type == "float") return put(entry, parse_number<double>(value));
  if (type == "str") return put(entry, std::optional(std::string(value)));
  return type == "bool" && (value == "true" || value == "false") && put(entry, std::optional(value == "true"));
}

std::optional<MetadataOverride> read_one(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || !is_utf8(text)) return std::nullopt;
  const std::size_t colon = text.find(':', equals);
  if (colon == std::string_view::npos) return std::nullopt;
  MetadataOverride entry{.key = std::string(text.substr(0, equals)), .value = {}};
  const bool is_known = read_value(entry, text.substr(equals + 1, colon - equals - 1), text.substr(colon + 1));
  return is_known ? std::optional(std::move(entry)) : std::nullopt;
}

// A comma belongs to a text, unless the next entry begins behind it: KEY=TYPE:
bool begins_an_entry(std::string_view text) {
  const std::size_t equals = text.find_first_of("=,:");
  if (equals == std::string_view::npos || equals == 0 || text[equals] != '=') return false;
  const std::size_t colon = text.find(':', equals);
  return colon != std::string_view::npos && std::ranges::contains(kTypes, text.substr(equals + 1, colon - equals - 1));
}

}  // namespace

std::optional<std::vector<MetadataOverride>> metadata_overrides_from_string(std::string_view text) {
  std::vector<MetadataOverride> out;
  for (;;) {
    std::size_t comma = text.find(',');
    while (comma != std::string_view::npos && !begins_an_entry(text.substr(comma + 1)))
      comma = text.find(',', comma + 1);
    auto entry = read_one(text.substr(0, comma));
    if (!entry) return std::nullopt;
    out.push_back(std::move(*entry));
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}

std::string to_string(const MetadataOverride& entry) {
  return std::visit(
      [&](const auto& value) { return fmt::format("{}={}:{}", entry.key, kTypes[entry.value.index()], value); },
      entry.value);
}

std::optional<std::string> overridden(const std::vector<MetadataOverride>& entries, std::string_view key) {
  const auto found = std::ranges::find(entries, key, &MetadataOverride::key);  // the engine keeps the first, too
  if (found == entries.end()) return std::nullopt;
  return std::visit([](const auto& value) { return fmt::format("{}", value); }, found->value);
}

llama_model_kv_override to_engine(const MetadataOverride& entry) {
  llama_model_kv_override out{};
  entry.key.copy(out.key, sizeof out.key - 1);
  if (const auto* number = std::get_if<std::int64_t>(&entry.value)) {
    out.tag = LLAMA_KV_OVERRIDE_TYPE_INT;
    out.val_i64 = *number;
  } else if (const auto* real = std::get_if<double>(&entry.value)) {
    out.tag = LLAMA_KV_OVERRIDE_TYPE_FLOAT;
    out.val_f64 = *real;
  } else if (const auto* flag = std::get_if<bool>(&entry.value)) {
    out.tag = LLAMA_KV_OVERRIDE_TYPE_BOOL;
    out.val_bool = *flag;
  } else {
    out.tag = LLAMA_KV_OVERRIDE_TYPE_STR;
    std::get<std::string>(entry.value).copy(out.val_str, sizeof out.val_str - 1);
  }
  return out;
}

}  // namespace plimsoll::engine
