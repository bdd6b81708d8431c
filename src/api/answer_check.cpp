#include "api/answer_check.hpp"

#include <fmt/format.h>

#include "grammar/tool_grammar.hpp"

#include "schema_check.hpp"

namespace plimsoll::api {
namespace {

using Kind = SchemaVerdict::Kind;

bool is_unchecked(const HeldForm& held, const std::string& name) {
  return std::ranges::any_of(held.notes, [&](const grammar::SchemaNote& note) {
    return note.kind == grammar::SchemaNote::Kind::unchecked && note.pointer.starts_with(name + "#");
  });
}

}  // namespace

AnswerCheck::AnswerCheck(const TextRequest& request, const HeldForm& held) {
  const auto* chat = std::get_if<ChatPrompt>(&request.prompt);
  const bool is_whole = chat == nullptr || !chat->goes_on;  // its beginning is not in what is written
  if (!request.schema.is_null() && is_whole && is_unchecked(held, "")) schema_ = request.schema;
  if (chat == nullptr) return;
  for (const Json& tool : chat->tools) {
    const Json& function = tool["function"];
    const auto name = function["name"].get<std::string>();
    if (is_unchecked(held, name)) functions_.emplace(name, grammar::schema_of_arguments(function));
  }
}

void AnswerCheck::add(const Piece& piece) {
  if (schema_) text_ += piece.text;
  for (const ToolCall& call : piece.tool_calls) calls_.push_back(call);
}

std::optional<SchemaVerdict> AnswerCheck::verdict() const {
  std::optional<SchemaVerdict> all;
  for (const ToolCall& call : calls_) {
    const auto schema = functions_.find(call.name);
    if (schema == functions_.end()) continue;
    SchemaVerdict one = SchemaCheck(schema->second).check(call.arguments);
    if (!one.sentence.empty()) one.sentence = fmt::format("arguments of {}: {}", call.name, one.sentence);
    all = both_verdicts(std::move(all), std::move(one));
  }
  if (schema_ && calls_.empty()) all = both_verdicts(std::move(all), SchemaCheck(*schema_).check(text_));
  return all;
}

std::optional<SchemaVerdict> both_verdicts(std::optional<SchemaVerdict> first, std::optional<SchemaVerdict> second) {
  if (!first || (second && first->kind == Kind::valid)) return second ? second : first;
  return first;
}

const char* to_word(Kind kind) {
  switch (kind) {
    case Kind::valid:
      return "valid";
    case Kind::invalid:
      return "invalid";
    case Kind::undecided:
      return "undecided";
  }
  return "undecided";
}

void add_schema_check(Json& out, const std::optional<SchemaVerdict>& verdict) {
  if (!verdict) return;
  Json check{{"valid", verdict->kind == Kind::undecided ? Json(nullptr) : Json(verdict->kind == Kind::valid)}};
  if (!verdict->sentence.empty()) check["error"] = verdict->sentence;
  out["schema_check"] = std::move(check);
}

}  // namespace plimsoll::api
