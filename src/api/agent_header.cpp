#include "agent_header.hpp"

#include <algorithm>

namespace plimsoll::api {
namespace {

constexpr std::string_view kBegins = "x-anthropic-";
constexpr std::string_view kNameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

void skip(std::string_view& text, std::string_view letters) {
  text.remove_prefix(std::min(text.find_first_not_of(letters), text.size()));
}

// "key=value;", or to the end of the line. False: none stands here.
bool skip_pair(std::string_view& text) {
  std::string_view rest = text;
  skip(rest, kNameLetters);
  if (rest.size() == text.size() || !rest.starts_with('=')) return false;
  const std::size_t end = std::min(rest.find_first_of(";\n"), rest.size());
  text = rest.substr(end < rest.size() && rest[end] == ';' ? end + 1 : end);
  return true;
}

}  // namespace

std::string_view without_agent_header(std::string_view text) {
  if (!text.starts_with(kBegins)) return text;
  std::string_view rest = text;
  skip(rest, kNameLetters);
  if (!rest.starts_with(':')) return text;
  rest.remove_prefix(1);
  skip(rest, " \t");
  if (!skip_pair(rest)) return text;
  do skip(rest, " \t");
  while (skip_pair(rest));
  if (rest.starts_with('\n')) rest.remove_prefix(1);
  return rest;
}

}  // namespace plimsoll::api
