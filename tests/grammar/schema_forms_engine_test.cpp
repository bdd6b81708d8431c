// Each form of schema that clients send: what its grammar allows under the engine, what it notes, how long it takes.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>

#include "engine/sampler.hpp"
#include "grammar/json_schema.hpp"

#include "byte_grammar.hpp"
#include "schema_forms.hpp"

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;
using test::SchemaForm;

class SchemaFormsTest : public test::ByteGrammarTest {};

SchemaForm::Held held(const SchemaGrammar& made) {
  SchemaForm::Held worst = SchemaForm::by_grammar;
  for (const SchemaNote& note : made.notes)
    worst = std::max(worst, note.kind == SchemaNote::Kind::unchecked ? SchemaForm::checked : SchemaForm::loosened);
  return worst;
}

std::string shown(const SchemaGrammar& made) {
  std::string text = made.gbnf.substr(0, 4000);
  for (const SchemaNote& note : made.notes) text += note.pointer + ": " + note.why + "\n";
  return text;
}

TEST_F(SchemaFormsTest, AllowsWhatIsOfTheFormAndRefusesWhatItHolds) {
  for (const SchemaForm& form : test::schema_forms()) {
    SCOPED_TRACE(form.name);
    const SchemaGrammar made = grammar_of_schema(Json::parse(form.schema));
    const engine::Sampler fresh = sampler(made.gbnf);
    EXPECT_EQ(held(made), form.held) << shown(made);
    for (const std::string& text : form.valid) EXPECT_TRUE(allows(fresh.clone(), text)) << text << "\n" << shown(made);
    for (const std::string& text : form.broken) EXPECT_TRUE(allows(fresh.clone(), text)) << text << "\n" << shown(made);
    for (const std::string& text : form.refused)
      EXPECT_FALSE(allows(fresh.clone(), text)) << text << "\n" << shown(made);
  }
}

// As one member of an object: what is odd loosens itself alone.
TEST_F(SchemaFormsTest, AnOddMemberLoosensItselfAlone) {
  for (const SchemaForm& form : test::schema_forms()) {
    SCOPED_TRACE(form.name);
    if (form.schema.contains("#")) continue;  // its references are to its own root
    const std::string text = R"({"type": "object", "properties": {"sound": {"enum": ["yes"]}, "odd": )" + form.schema +
                             R"(}, "required": ["sound", "odd"]})";
    const SchemaGrammar made = grammar_of_schema(Json::parse(text));
    const engine::Sampler fresh = sampler(made.gbnf);
    EXPECT_EQ(held(made), form.held) << shown(made);
    for (const SchemaNote& note : made.notes) EXPECT_TRUE(note.pointer.starts_with("#/properties/odd")) << note.pointer;
    for (const std::string& value : form.valid) {
      EXPECT_TRUE(allows(fresh.clone(), R"({"sound":"yes","odd":)" + value + "}")) << value << shown(made);
      EXPECT_FALSE(allows(fresh.clone(), R"({"sound":"no","odd":)" + value + "}")) << value;
    }
  }
}

// The aim is 50 ms; what is measured here is on whatever machine this is, beside whatever else it does.
TEST_F(SchemaFormsTest, EachIsMadeInLittleTime) {
  using Clock = std::chrono::steady_clock;
  for (const SchemaForm& form : test::schema_forms()) {
    const Json schema = Json::parse(form.schema);
    auto best = Clock::duration::max();
    for (int i = 0; i < 3; ++i) {
      const auto began = Clock::now();
      (void)sampler(grammar_of_schema(schema).gbnf);
      best = std::min(best, Clock::now() - began);
    }
    EXPECT_LT(std::chrono::duration<double>(best).count(), 1.0) << form.name;
  }
}

TEST_F(SchemaFormsTest, AndALargeOneToo) {
  Json schema{{"type", "object"}, {"properties", Json::object()}};
  for (int i = 0; schema.dump().size() < 200000; ++i) {
    for (int k = 0; k < 100; ++k) {
      const std::string name = "member_" + std::to_string(i * 100 + k);
      schema["properties"][name] = Json::parse(
          k % 3 == 0 ? R"({"type": "string", "maxLength": 200, "description": "some words about it"})"
          : k % 3 == 1
              ? R"({"type": "array", "items": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"enum": ["x", "y"]}}, "required": ["a"]}})"
              : R"({"type": "number", "minimum": 0, "maximum": 100})");
      schema["required"].push_back(name);
    }
  }
  const auto began = std::chrono::steady_clock::now();
  const SchemaGrammar made = grammar_of_schema(schema);
  const engine::Sampler fresh = sampler(made.gbnf);
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(), 20.0);
  EXPECT_TRUE(made.notes.empty()) << shown(made);
  EXPECT_TRUE(fresh.grammar_allows(3 + '{'));
}

}  // namespace
}  // namespace plimsoll::grammar
