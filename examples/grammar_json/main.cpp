// Answers that are JSON of a given shape: grammar_json MODEL
#include <iostream>
#include <plimsoll/plimsoll.hpp>
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
  const Model model = Runtime().open(argv[1]);
  const SamplingParams sampling{.temperature = 0, .grammar = grammar_of_json_schema(kSchema)};
  std::cout << model.generate("Day 12.", {.sampling = sampling}).read_all() << '\n';
}
