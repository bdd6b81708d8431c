// What writers are given in tests, and streams read back.
#pragma once
#include <string>
#include <vector>

#include "api/dialect.hpp"
#include "base/version.hpp"
#include "engine/backend.hpp"

namespace plimsoll::test {

inline const api::ResponseMeta kMeta{
    .id = "0123abcd", .created = 1'700'000'000, .model = "mate", .prompt_tokens = 12, .cached_tokens = 5};
inline const api::Usage kUsage{.prompt_tokens = 12, .cached_tokens = 5, .completion_tokens = 7};

inline api::ToolCall weather_call() { return {.id = "call_1", .name = "weather", .arguments = R"({"city":"Ulm"})"}; }

// Golden files are the same for every version.
inline std::string without_version(std::string text) {
  const auto hide = [&](const std::string& what, const char* word) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what))
      text.replace(at, what.size(), word);
  };
  hide("b" + engine::engine_version().llama + "-", "bENGINE-");
  hide(std::string(version()), "VERSION");
  return text;
}

// "data:" of each event; "[DONE]" is left out.
inline std::vector<api::Json> events(const std::string& stream) {
  std::vector<api::Json> out;
  static const std::string kStart = "data: ";
  for (std::size_t at = stream.find(kStart); at != std::string::npos; at = stream.find(kStart, at + 1)) {
    const std::size_t begin = at + kStart.size();
    api::Json data = api::Json::parse(stream.substr(begin, stream.find('\n', begin) - begin), nullptr, false);
    if (!data.is_discarded()) out.push_back(std::move(data));
  }
  return out;
}

}  // namespace plimsoll::test
