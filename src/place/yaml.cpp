#include "yaml.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

namespace plimsoll::place {
namespace {

using Json = nlohmann::ordered_json;

bool is_plain_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Of YAML 1.1's words for true, false and null, all are shorter than six letters, and no plain text of ours needs to be
// one of them: a short word is quoted unless it has something that none of them has.
bool is_plain(std::string_view text) {
  if (text.size() < 2 || !is_plain_letter(text[0])) return false;
  const bool has_plain_letters = std::ranges::all_of(text, [](char c) {
    return is_plain_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '/';
  });
  if (!has_plain_letters) return false;
  constexpr std::string_view kWords[] = {"true", "false", "null", "yes", "no", "on", "off"};
  return std::ranges::none_of(kWords, [&](std::string_view word) {
    return std::ranges::equal(word, text, [](char a, char b) { return a == (b | 0x20); });
  });
}

// Of whole lines, none of which begins the text with a blank or holds what YAML cannot show.
bool is_block(std::string_view text) {
  if (!text.contains('\n') || !text.ends_with('\n') || text.ends_with("\n\n") || text[0] == ' ' || text[0] == '\n')
    return false;
  return std::ranges::all_of(text, [](char c) { return c == '\n' || static_cast<unsigned char>(c) >= 0x20; }) &&
         std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x7F; });
}

std::string scalar(const Json& value) {
  if (value.is_string() && is_plain(value.get_ref<const std::string&>())) return value.get<std::string>();
  return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string block(const std::string& text, const std::string& indent) {
  std::string out = "|\n";
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    if (end > begin) out += indent + text.substr(begin, end - begin);
    out += '\n';
    begin = end + 1;
  }
  return out;
}

void write(const Json& value, const std::string& indent, std::string& out);

// Behind "key:" or "-", with the blank before it where it stands on the same line.
void write_value(const Json& value, const std::string& indent, std::string& out) {
  if (value.is_structured() && !value.empty()) {
    out += '\n';
    write(value, indent, out);
  } else if (value.is_string() && is_block(value.get_ref<const std::string&>())) {
    out += ' ' + block(value.get<std::string>(), indent);
  } else {
    out += ' ' + scalar(value) + '\n';
  }
}

void write(const Json& value, const std::string& indent, std::string& out) {
  if (value.is_array()) {
    for (const Json& element : value) {
      std::string inner;
      write_value(element, indent + "  ", inner);
      // What is structured begins behind the dash.
      if (inner.starts_with('\n')) inner = ' ' + inner.substr(1 + indent.size() + 2);
      out += indent + '-' + inner;
    }
    return;
  }
  for (const auto& [key, inner] : value.items()) {
    out += indent + scalar(key) + ':';
    write_value(inner, indent + "  ", out);
  }
}

}  // namespace

std::string to_yaml(const Json& value) {
  if (!value.is_structured() || value.empty()) return scalar(value) + '\n';
  std::string out;
  write(value, "", out);
  return out;
}

}  // namespace plimsoll::place
