#include <iostream>
#include <plimsoll/plimsoll.hpp>

int main(int, char** argv) {
  plimsoll::Runtime runtime;                      // what this process may hold, and what it holds
  plimsoll::Model model = runtime.open(argv[1]);  // plan, reserve, load, warm up, seal; throws before anything is taken
  std::cerr << "tracker: " << runtime.tracker_mode() << '\n';
  auto story = model.generate("Day 12.", {.predict = 60, .sampling = {.temperature = 0}});
  for (const std::string& piece : story) std::cout << piece << std::flush;
}
