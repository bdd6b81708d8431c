// Instructions between a prefix and a suffix, as Alpaca's models were trained on: instruct MODEL.gguf
#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

int main(int, char** argv) {
  Chat instruct(Runtime().open(argv[1]),
                {.system = "The log of a ship.", .form = instruct_form("\n### Order:\n", "\n### Log:\n")});
  for (const char* order : {"Write of the wind.", "Write of the crew."}) {
    std::cout << "order: " << order
              << "\nlog: " << instruct.say(order, {.predict = 24, .sampling = {.temperature = 0}}).read_all() << '\n';
  }
  // Both turns are in one conversation, with prefix and suffix around them.
  const std::string all = instruct.text();
  std::cout << "begins with: " << all.substr(0, all.find("\n###", 20)) << '\n';
}
