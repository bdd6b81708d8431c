// Instructions between a prefix and a suffix, as Alpaca's models were trained on: instruct MODEL.gguf
#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

int main(int, char** argv) {
  run::MemoryAccounting accounting;
  auto model = run::open(accounting, argv[1]);
  run::BatchedExecutor executor(*model);
  run::InstructExecutor instruct(executor, {.prefix = "\n### Order:\n", .suffix = "\n### Log:\n"});
  instruct.preamble("The log of a ship.");

  for (const char* order : {"Write of the wind.", "Write of the crew."}) {
    run::Generation answer = instruct.infer(order, {.predict = 24, .sampling = {.temperature = 0}});
    std::cout << "order: " << order << "\nlog: " << run::stream(answer) << '\n';
  }
  // Both turns are in one conversation, with prefix and suffix around them.
  const std::string all = model->model()->vocab().detokenize(instruct.conversation()->tokens(), true);
  std::cout << "begins with: " << all.substr(0, all.find("\n###", 20)) << '\n';
}
