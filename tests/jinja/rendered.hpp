// Rendering at the referee's time (referee.py), and what a refusal says.
#pragma once
#include <algorithm>
#include <chrono>
#include <ctime>
#include <string>

#include <plimsoll/base/error.hpp>

#include "jinja/template.hpp"

namespace plimsoll::jinja::test {

inline std::chrono::system_clock::time_point referees_now() {
  std::tm parts{};
  parts.tm_year = 126, parts.tm_mon = 2, parts.tm_mday = 9;
  parts.tm_hour = 14, parts.tm_min = 5, parts.tm_sec = 6;
  parts.tm_isdst = -1;
  return std::chrono::system_clock::from_time_t(std::mktime(&parts));
}

inline std::string rendered(std::string_view source,
                            const nlohmann::ordered_json& values = nlohmann::ordered_json::object()) {
  return Template(source).render(values, {.now = referees_now()}).text;
}

// The same with brackets around what came in: "a[b]c".
inline std::string with_brackets(const MarkedText& text) {
  std::string out;
  each_run(text, [&](bool is_input, std::string_view piece) {
    out += is_input ? '[' + std::string(piece) + ']' : std::string(piece);
  });
  return out;
}

inline std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
  return text.substr(0, text.find_last_not_of(" \n") + 1);
}

// The sentence of the error; empty where there is none.
inline std::string refusal(std::string_view source,
                           const nlohmann::ordered_json& values = nlohmann::ordered_json::object(),
                           const RenderOptions& options = {}) {
  try {
    (void)Template(source).render(values, options);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace plimsoll::jinja::test
