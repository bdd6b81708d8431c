#include "options/option.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include <plimsoll/base/error.hpp>

namespace plimsoll::options {

const std::string& Option::long_flag() const {
  static const std::string kNone;
  const auto found = std::ranges::find_if(flags, [](const std::string& flag) { return flag.starts_with("--"); });
  return found == flags.end() ? kNone : *found;
}

std::string Option::env() const {
  if (!has_env || flags.empty()) return {};
  std::string name = "PLIMSOLL" + long_flag().substr(1);
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return c == '-' ? '_' : static_cast<char>(std::toupper(c)); });
  return name;
}

std::string without_markup(std::string_view markdown) {
  std::string text;
  for (std::size_t i = 0; i < markdown.size(); ++i) {
    const char c = markdown[i];
    if (c == ']' && i + 1 < markdown.size() && markdown[i + 1] == '(') {
      i = markdown.find(')', i);
    } else if (c != '`' && c != '[') {
      text += c;
    }
  }
  return text;
}

namespace {

bool is_of_a_name(char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0; }

std::string flag_of(std::string_view name, const std::vector<Option>& options) {
  const auto found = std::ranges::find(options, name, &Option::param);
  const bool is_plain_english = name.find('_') == std::string_view::npos;
  if (is_plain_english || found == options.end() || found->flags.empty()) return std::string(name);
  return found->long_flag();
}

}  // namespace

std::string in_flags(std::string_view sentence) {
  const std::vector<Option> options = all_options();
  std::string out;
  while (!sentence.empty()) {
    const auto end = std::ranges::find_if_not(sentence, is_of_a_name);
    const auto length = std::max<std::size_t>(1, static_cast<std::size_t>(end - sentence.begin()));
    const bool is_somebodys = !out.empty() && std::string_view("'\"/.-").contains(out.back());  // a file's, a model's
    const std::string_view word = sentence.substr(0, length);
    out += is_somebodys ? std::string(word) : flag_of(word, options);
    sentence.remove_prefix(length);
  }
  return out;
}

namespace {

template <class Is>
Option the_option(std::string_view name, Is is) {
  for (Option& option : all_options()) {
    if (is(option)) return std::move(option);
  }
  throw Error(ErrorCode::internal, fmt::format("the table of options has no '{}'", name));
}

}  // namespace

Option option_of_flag(std::string_view long_flag) {
  return the_option(long_flag, [&](const Option& option) { return option.long_flag() == long_flag; });
}

Option option_of_param(std::string_view param) {
  return the_option(param, [&](const Option& option) { return option.param == param && !option.key.empty(); });
}

}  // namespace plimsoll::options
