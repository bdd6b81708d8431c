#include "key_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include <plimsoll/base/error.hpp>
#include "base/lower_case.hpp"
#include "base/text_file.hpp"

#include "model_keys.hpp"

namespace plimsoll::host {
namespace {

constexpr std::size_t kHashDigits = 64;
constexpr std::int64_t kMostAMinute = 1'000'000'000;

[[noreturn]] void wrong(const std::string& sentence) { throw Error(ErrorCode::usage, sentence); }

std::string checked_key(std::string key, const char* where) {
  const auto is_visible = [](unsigned char c) { return std::isgraph(c) != 0; };
  if (key.empty() || !std::ranges::all_of(key, is_visible))
    wrong(fmt::format("'{}' is empty, or has blanks or control characters in it", where));
  return key;
}

// The first line of the file.
std::string key_in(const std::string& path) {
  std::string text = read_text_file(path);
  text.resize(std::min(text.find_first_of("\r\n"), text.size()));
  return checked_key(std::move(text), "key-file");
}

std::string checked_hash(std::string text) {
  const auto is_digit = [](unsigned char c) { return std::isxdigit(c) != 0; };
  if (text.size() != kHashDigits || !std::ranges::all_of(text, is_digit))
    wrong(fmt::format("'sha256' takes the {} hexadecimal digits that sha256sum writes", kHashDigits));
  return lower_case(text);
}

FleetKey read_key(const toml::table& table, const std::filesystem::path& folder, Complaints& complaints) {
  FleetKey key;
  TableReader reader(complaints, "a key");
  reader.text("name", [&](const std::string& value) { key.name = checked_key(value, "name"); });
  reader.text("key", [&](const std::string& value) { key.key = checked_key(value, "key"); });
  reader.text("key-file", [&](const std::string& value) { key.key = key_in(from_folder(folder, value)); });
  reader.text("sha256", [&](const std::string& value) { key.sha256 = checked_hash(value); });
  reader.real("weight", key.weight);
  reader.number("priority", key.priority, -100, 100);
  reader.number("max-requests", key.max_requests, 1);
  reader.number("requests-per-minute", key.requests_per_minute, 1, kMostAMinute);
  reader.number("tokens-per-minute", key.tokens_per_minute, 1, kMostAMinute);
  reader.read(table);
  if (!table.contains("name")) complaints.at(table.source(), "a key has no 'name'");
  if (!(key.weight > 0) || key.weight > 1e6F) complaints.at(table.source(), "'weight' must be above 0");
  const int said = int{table.contains("key")} + int{table.contains("key-file")} + int{table.contains("sha256")};
  if (said != 1) complaints.at(table.source(), "a key takes one of 'key', 'key-file' and 'sha256'");
  return key;
}

}  // namespace

void add_key(const toml::table& table, std::vector<FleetKey>& keys, const std::filesystem::path& folder,
             Complaints& complaints) {
  FleetKey key = read_key(table, folder, complaints);
  if (!key.name.empty() && std::ranges::contains(keys, key.name, &FleetKey::name))
    complaints.at(table.source(), fmt::format("two keys are called '{}'", key.name));
  keys.push_back(std::move(key));
}

std::vector<FleetKey> read_keys_file(const std::filesystem::path& path) {
  return read_config("key file", path, [](std::string_view text, const std::filesystem::path& folder) {
    return parse_config(text, [&](const toml::table& root, Complaints& complaints) {
      std::vector<FleetKey> keys;
      TableReader reader(complaints, "a key file; it takes [[key]]");
      reader.tables("key", "[[key]]", [&](const toml::table& table) { add_key(table, keys, folder, complaints); });
      reader.read(root);
      if (keys.empty() && complaints.list.empty()) complaints.at(root.source(), "it holds no [[key]]");
      return keys;
    });
  });
}

}  // namespace plimsoll::host
