// AnswerCheck: one answer held against what its grammar did not hold of its schemas.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/answer.hpp"
#include "api/held_form.hpp"
#include "api/text_request.hpp"

namespace plimsoll::api {

// One thread.
class AnswerCheck {
 public:
  AnswerCheck(const TextRequest& request, const HeldForm& held);

  // What is told of the answer, as it comes.
  void add(const Piece& piece);
  // Of the whole. Empty: there was nothing to check, such as an answer in calls alone whose arguments are held.
  [[nodiscard]] std::optional<SchemaVerdict> verdict() const;

 private:
  std::optional<Json> schema_{};             // of the text
  std::map<std::string, Json> functions_{};  // schemas of arguments, by name
  std::string text_{};
  std::vector<ToolCall> calls_{};
};

// Of several answers: the first that is not valid.
[[nodiscard]] std::optional<SchemaVerdict> both_verdicts(std::optional<SchemaVerdict> first,
                                                         std::optional<SchemaVerdict> second);
[[nodiscard]] const char* to_word(SchemaVerdict::Kind kind);  // "valid", "invalid", "undecided"
// {"valid": true}, {"valid": false, "error": ...}, {"valid": null, "error": ...} as `schema_check`; nothing for none.
void add_schema_check(Json& out, const std::optional<SchemaVerdict>& verdict);

}  // namespace plimsoll::api
