// What each fuzzer does with its input, and tests/api/corpus_test.cpp with the corpora. What is wrong with the input is
// said by the errors that are meant for it; whatever else is thrown is a finding.
#pragma once
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include <plimsoll/base/error.hpp>
#include "api/dialect.hpp"
#include "api/embedding_request.hpp"
#include "api/schema_check.hpp"
#include "api/tool_calls.hpp"
#include "grammar/json_schema.hpp"

namespace plimsoll::fuzz {

inline void answer(const api::Asked& asked) {
  if (const auto* chat = std::get_if<api::ChatPrompt>(&asked.request.prompt)) {
    for (const grammar::ToolForm form : grammar::kToolForms) {
      engine::SamplingParams sampling = asked.request.sampling;
      api::hold_to_tools(sampling, *chat, form);
    }
  }
  (void)api::to_text(asked.writer->whole({.choices = {{.text = asked.request.model}}}));
}

// A body, read as every API would.
inline void feed_api(std::string_view text) {
  const auto read = [&](const auto& work) {
    try {
      work(api::parse_object(text));
    } catch (const api::Problem& problem) {
      if (problem.status() != 400) std::abort();
      (void)api::to_text(api::error_body(problem, api::ErrorShape::openai));
    }
  };
  for (const api::Dialect& dialect : api::dialects()) read([&](const api::Json& body) { answer(dialect.read(body)); });
  read([](const api::Json& body) { (void)api::read_embedding_request(body); });
  read([](const api::Json& body) { (void)api::read_rank_request(body); });
}

// The same bytes as a model's answer, at once and one by one.
inline void feed_reader(std::string_view text) {
  for (const grammar::ToolForm form : grammar::kToolForms) {
    api::ToolCallReader whole(form);
    std::string at_once = whole.push(text);
    at_once += whole.finish();
    api::ToolCallReader single(form);
    std::string by_letter;
    for (const char c : text) by_letter += single.push({&c, 1});
    by_letter += single.finish();
    if (at_once != by_letter || whole.take() != single.take()) std::abort();
  }
}

// A JSON Schema of a stranger.
inline void feed_schema(std::string_view text) {
  try {
    const api::Json schema = api::parse_object(text);
    (void)grammar::grammar_of_schema(schema);
    (void)api::SchemaCheck(schema).check(R"({"a": [1, "b", null]})");
    (void)grammar::from_json_schema(schema);
  } catch (const api::Problem&) {
  } catch (const Error& error) {
    if (error.code() != ErrorCode::usage && error.code() != ErrorCode::unsupported) std::abort();
  }
}

}  // namespace plimsoll::fuzz
