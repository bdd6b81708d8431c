// Fields: the members of a JSON object, read one by one with their type and range; what was not read is ignored and
// named at the end (see unknown_fields.hpp).
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

  [[nodiscard]] const Json* find(const char* key);     // null: absent
  [[nodiscard]] bool has_null(const char* key) const;  // it is there, as null
  [[nodiscard]] const Json& need(const char* key);
  [[nodiscard]] std::optional<std::string> text(const char* key);
  [[nodiscard]] std::string need_text(const char* key);
  [[nodiscard]] std::optional<bool> flag(const char* key);
  [[nodiscard]] std::optional<std::int64_t> whole(const char* key, std::int64_t least, std::int64_t most);
  [[nodiscard]] std::optional<double> number(const char* key, double least, double most);

  void ignore(std::initializer_list<const char*> keys);  // known, and without a meaning here: nothing is lost
  // A feature that is not here, unless its value asks for nothing (absent, null, false, an empty list or object, or
  // `harmless`). refuse(): without it the answer would be another one. pass_over(): the answer is still of use.
  void refuse(const char* key, const char* why, const Json& harmless = nullptr);
  void pass_over(const char* key, const char* why, const Json& harmless = nullptr);
  void pass_over(std::initializer_list<const char*> keys, const char* why);
  // The last: what nobody has read is ignored and named, or refused where the server is strict.
  void pass_over_unknown() const;

  [[nodiscard]] std::string path_of(std::string_view key) const;
  [[noreturn]] void fail(std::string_view key, const std::string& sentence) const;

 private:
  [[nodiscard]] bool asks_for_it(const char* key, const Json& harmless);
  const Json& object_;
  std::string path_;
  std::set<std::string, std::less<>> known_;
};

[[nodiscard]] std::vector<engine::Token> read_tokens(const Json& array, const std::string& path);

}  // namespace plimsoll::api
