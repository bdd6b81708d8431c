// Fields: the members of a JSON object, read one by one with their type and range; what was not read is named at the
// end.
#pragma once
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/json_text.hpp"
#include "api/problem.hpp"
#include "engine/vocab.hpp"

namespace plimsoll::api {

// null counts as absent everywhere. Everything throws Problem 400 that names the field.
class Fields {
 public:
  // `path`: of the object itself, "" for the body, "messages[2]" inside.
  explicit Fields(const Json& object, std::string path = {});

  [[nodiscard]] const Json* find(const char* key);  // null: absent
  [[nodiscard]] const Json& need(const char* key);
  [[nodiscard]] std::optional<std::string> text(const char* key);
  [[nodiscard]] std::string need_text(const char* key);
  [[nodiscard]] std::optional<bool> flag(const char* key);
  [[nodiscard]] std::optional<std::int64_t> whole(const char* key, std::int64_t least, std::int64_t most);
  [[nodiscard]] std::optional<double> number(const char* key, double least, double most);

  void ignore(std::initializer_list<const char*> keys);  // known, and without a meaning here
  // A feature that is not here: refused by name unless its value asks for nothing (absent, null, false, or `harmless`).
  void refuse(const char* key, const char* why, const Json& harmless = nullptr);
  // What nobody asked for. OpenAI and Anthropic refuse such requests, and so do we.
  [[nodiscard]] std::optional<std::string> unknown() const;
  [[nodiscard]] std::vector<std::string> all_unknown() const;

  [[nodiscard]] std::string path_of(std::string_view key) const;
  [[noreturn]] void fail(std::string_view key, const std::string& sentence) const;

 private:
  const Json& object_;
  std::string path_;
  std::set<std::string, std::less<>> known_;
};

[[nodiscard]] std::vector<engine::Token> read_tokens(const Json& array, const std::string& path);

}  // namespace plimsoll::api
