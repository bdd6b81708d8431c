// Answers that are JSON of a given shape: grammar_json MODEL
#include <iostream>
#include <plimsoll/plimsoll.hpp>
#include "grammar/json_schema.hpp"
using namespace plimsoll;

constexpr const char* kSchema = R"({
  "type": "object",
  "properties": {
    "day": {"type": "integer", "minimum": 1, "maximum": 365},
    "wind": {"enum": ["north", "east", "south", "west"]},
    "sails": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2}
  },
  "required": ["day", "wind", "sails"]
})";

int main(int, char** argv) {
  run::MemoryAccounting accounting;
  auto model = run::open(accounting, argv[1]);
  engine::SamplingParams sampling{.temperature = 0};
  sampling.grammar = grammar::from_json_schema(nlohmann::ordered_json::parse(kSchema));
  const auto prompt = run::tokenize_prompt(*model->model(), "Day 12.");
  run::Generation answer(*model, {.prompt = prompt, .sampling = sampling});
  std::string text;
  for (const std::string& piece : run::pieces(answer)) text += piece;
  const auto json = nlohmann::json::parse(text);
  std::cout << "day " << json["day"] << ", wind " << json["wind"] << ", " << json["sails"].size() << " sails\n";
}
