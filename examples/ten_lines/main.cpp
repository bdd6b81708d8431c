#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

int main(int, char** argv) {
  run::MemoryAccounting accounting;             // what this process may hold, and what it holds
  auto model = run::open(accounting, argv[1]);  // plan, reserve, load, warm up, seal; throws before anything is taken
  std::cerr << "tracker: " << tracker::to_string(tracker::mode()) << '\n';
  const auto prompt = run::tokenize_prompt(*model->model(), "Day 12.");
  run::Generation story(*model, {.prompt = prompt, .predict = 60, .sampling = {.temperature = 0}});
  for (const std::string& piece : run::pieces(story)) std::cout << piece << std::flush;
}
