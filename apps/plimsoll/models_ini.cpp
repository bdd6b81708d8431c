#include "models_ini.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>

#include <plimsoll/base/error.hpp>
#include "base/lower_case.hpp"

#include "llama_server_flags.hpp"
#include "options.hpp"

namespace plimsoll::app {
namespace {

constexpr std::string_view kBlanks = " \t\r";
constexpr std::string_view kForAll = "*";

using Key = std::pair<std::string, std::string>;

bool is_the_file(std::string_view key) { return key == "m" || key == "model"; }

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// As llama-server has them.
bool is_yes(std::string_view value) {
  static constexpr std::string_view kYes[]{"1", "on", "enabled", "true"};
  return std::ranges::contains(kYes, value);
}

[[noreturn]] void fail(std::size_t line, std::string_view what) {
  throw Error(ErrorCode::usage, fmt::format("line {}: {}", line, what));
}

// Some are about the file or the router, and no flags.
void add_key(IniModel& model, std::string_view key, std::string_view value) {
  if (key == "version" || key == "stop-timeout") return;
  if (key == "load-on-startup") {
    model.load_on_startup = is_yes(value);
    return;
  }
  std::erase_if(model.keys, [&](const auto& one) { return one.first == key; });
  model.keys.emplace_back(key, value);
}

void take_over(IniModel& model, const IniModel& from) {
  model.load_on_startup = model.load_on_startup || from.load_on_startup;
  for (const auto& key : from.keys) {
    if (!std::ranges::contains(model.keys, key.first, &Key::first)) model.keys.push_back(key);
  }
}

// "ctx-size" or "c" as a flag that is known.
std::optional<std::string> flag_of(const std::string& key, const CLI::App& serve) {
  for (const char* dashes : {"--", "-"}) {
    std::string flag = with_long_names({dashes + key}).front();
    if (takes_value(flag, serve)) return flag;
  }
  return std::nullopt;
}

// The flag that says the opposite.
std::optional<std::string> opposite_of(const std::string& flag, const CLI::App& serve) {
  constexpr std::string_view kNo = "--no-";
  if (!flag.starts_with("--")) return std::nullopt;
  std::string other = flag.starts_with(kNo) ? "--" + flag.substr(kNo.size()) : std::string(kNo) + flag.substr(2);
  return takes_value(other, serve) ? std::optional(std::move(other)) : std::nullopt;
}

}  // namespace

std::vector<IniModel> parse_models_ini(std::string_view text) {
  std::vector<IniModel> all;
  std::size_t number = 0;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view whole = text.substr(at, end - at);
    const std::string_view line = trimmed(whole.substr(0, whole.find_first_of(";#")));
    at = end + 1;
    ++number;
    if (line.empty()) continue;
    if (line.front() == '[') {
      if (line.back() != ']' || line.size() < 3) fail(number, "a section is [NAME]");
      all.push_back({.name = std::string(trimmed(line.substr(1, line.size() - 2))), .keys = {}});
      continue;
    }
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) fail(number, "neither [NAME] nor KEY = VALUE");
    const std::string_view key = trimmed(line.substr(0, equals));
    if (all.empty()) {
      if (key != "version") fail(number, "a key in front of the first [NAME]; those of all models stand under [*]");
      continue;
    }
    add_key(all.back(), key, trimmed(line.substr(equals + 1)));
  }
  const auto for_all = std::ranges::find(all, kForAll, &IniModel::name);
  if (for_all == all.end()) return all;
  const IniModel common = *for_all;
  all.erase(for_all);
  for (IniModel& model : all) take_over(model, common);
  return all;
}

std::vector<IniModel> read_models_ini(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) throw Error(ErrorCode::io, fmt::format("'{}' cannot be read", file.string()));
  try {
    return parse_models_ini(text);
  } catch (const Error& error) {
    throw Error(ErrorCode::usage, fmt::format("'{}': {}", file.string(), error.what()));
  }
}

bool is_models_ini(const std::filesystem::path& file) { return lower_case(file.extension().string()) == ".ini"; }

std::vector<std::string> arguments_of(const IniModel& model, const CLI::App& serve) {
  auto keys = model.keys;
  std::ranges::stable_partition(keys, is_the_file, &Key::first);  // others are about the model before them
  std::vector<std::string> out;
  for (const auto& [key, value] : keys) {
    const std::optional<std::string> flag = flag_of(key, serve);
    if (!flag) throw Error(ErrorCode::usage, fmt::format("there is no key '{}'", key));
    if (*takes_value(*flag, serve)) {
      out.insert(out.end(), {*flag, value});
    } else if (is_yes(value)) {
      out.push_back(*flag);
    } else if (const auto opposite = opposite_of(*flag, serve)) {
      out.push_back(*opposite);
    }
  }
  return out;
}

}  // namespace plimsoll::app
