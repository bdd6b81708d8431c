// The table of docs/server.md: what holds an answer to each form of schema, found by asking for it in each API.
// PLIMSOLL_UPDATE_GOLDEN=1 writes it anew.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "api/dialect.hpp"
#include "api/held_form.hpp"

#include "docs_table.hpp"
#include "schema_forms.hpp"

namespace plimsoll::api {
namespace {

using test::SchemaForm;

constexpr const char* kMessages = R"("messages": [{"role": "user", "content": "a"}], )";

struct Way {
  const char* name;
  Asked (*read)(const Json& body);
  const char* before;  // the schema
  const char* behind;
};

constexpr std::array kAnswers{
    Way{"OpenAI's chat", read_chat_completion,
        R"("response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": )", "}}"},
    Way{"OpenAI's responses", read_response,
        R"("input": "a", "text": {"format": {"type": "json_schema", "name": "a", "schema": )", "}}"},
    Way{"Anthropic's messages", read_message,
        R"("max_tokens": 9, "output_config": {"format": {"type": "json_schema", "schema": )", "}}"},
    Way{"Ollama's chat", read_ollama_chat, R"("model": "a", "format": )", ""},
    Way{"llama-server's completion", read_llama_completion, R"("prompt": "a", "json_schema": )", ""},
};
constexpr std::array kTools{
    Way{"OpenAI's tools", read_chat_completion,
        R"("tools": [{"type": "function", "function": {"name": "a", "parameters": {"type": "object", "properties": {"x": )",
        "}}}}]"},
    Way{"Anthropic's tools", read_message,
        R"("max_tokens": 9, "tools": [{"name": "a", "input_schema": {"type": "object", "properties": {"x": )", "}}}]"},
};

HeldForm hold(const Way& way, const std::string& schema) {
  const bool messages = std::string_view(way.before).find("input\"") == std::string_view::npos &&
                        std::string_view(way.before).find("prompt") == std::string_view::npos;
  const std::string body = std::string("{") + (messages ? kMessages : "") + way.before + schema + way.behind + "}";
  const TextRequest request = way.read(Json::parse(body)).request;
  engine::SamplingParams sampling = request.sampling;
  return hold_to_form(sampling, request, TemplateForms{});
}

SchemaForm::Held held_of(const HeldForm& held) {
  SchemaForm::Held worst = SchemaForm::by_grammar;
  for (const auto& note : held.notes)
    worst =
        std::max(worst, note.kind == grammar::SchemaNote::Kind::unchecked ? SchemaForm::checked : SchemaForm::loosened);
  return worst;
}

struct Table {
  std::string text;
  std::array<std::size_t, 3> counts{};  // by SchemaForm::Held
};

Table table() {
  Table out;
  out.text = "| held while it is written | checked when it is there | not held, and said so |\n|---|---|---|\n";
  std::array<std::vector<std::string>, 3> cells;
  for (const SchemaForm& form : test::schema_forms())
    cells.at(held_of(hold(kAnswers.front(), form.schema))).push_back(form.name);
  std::string names = "|";
  std::string counts = "|";
  for (std::size_t held = 0; held < cells.size(); ++held) {
    names += fmt::format(" {} |", fmt::join(cells.at(held), "; "));
    counts += fmt::format(" {} |", cells.at(held).size());
    out.counts.at(held) = cells.at(held).size();
  }
  out.text += names + "\n" + counts + "\n";
  return out;
}

TEST(SchemaTableTest, EveryFormIsTakenInEachApiAndHeldAlike) {
  EXPECT_GE(test::schema_forms().size(), 52U);
  for (const SchemaForm& form : test::schema_forms()) {
    SCOPED_TRACE(form.name);
    for (const Way& way : kAnswers) EXPECT_EQ(held_of(hold(way, form.schema)), form.held) << way.name;
    if (form.schema.contains("#")) continue;  // its references are to its own root
    for (const Way& way : kTools) EXPECT_EQ(held_of(hold(way, form.schema)), form.held) << way.name;
  }
}

TEST(SchemaTableTest, TheDocsSayWhatHoldsEachForm) {
  const Table forms = table();
  test::expect_docs_table("docs/server.md", "| held while it is written |", forms.text);
  const auto& [held, checked, loosened] = forms.counts;
  test::expect_docs_row("docs/server.md", "| Forms of schemas |",
                        fmt::format(" {0} of {0} accepted: {1} held while they are written, {2} checked when they are "
                                    "there, {3} not held, and said so |",
                                    held + checked + loosened, held, checked, loosened));
}

}  // namespace
}  // namespace plimsoll::api
