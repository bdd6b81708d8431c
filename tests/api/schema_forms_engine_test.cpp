// What is written under the grammar of each form of schema is valid under the schema, as the check afterwards sees it.
#include <gtest/gtest.h>

#include "api/schema_check.hpp"
#include "grammar/json_schema.hpp"

#include "decoding.hpp"
#include "paths.hpp"
#include "schema_forms.hpp"
#include "written_under.hpp"

namespace plimsoll::api {
namespace {

TEST(SchemaFormsWrittenTest, WhatAGrammarHoldsIsValid) {
  const auto demo = test::load_on_cpu(source_path("models/demo/mate-chat.gguf"));
  int written = 0;
  int begun = 0;
  for (const test::SchemaForm& form : test::schema_forms()) {
    if (form.held != test::SchemaForm::by_grammar) continue;
    SCOPED_TRACE(form.name);
    const Json schema = Json::parse(form.schema);
    const std::string grammar = grammar::grammar_of_schema(schema).gbnf;
    for (std::uint32_t seed = 0; seed < 2; ++seed) {
      ++begun;
      const auto text = test::written_under(*demo, grammar, seed);
      if (!text) continue;  // a text of 2500 letters, a list that waits for a 7
      ++written;
      const SchemaVerdict verdict = SchemaCheck(schema).check(*text);
      EXPECT_EQ(verdict.kind, SchemaVerdict::Kind::valid) << *text << ": " << verdict.sentence;
    }
  }
  EXPECT_GE(written * 10, begun * 8) << "of " << begun;
}

}  // namespace
}  // namespace plimsoll::api
