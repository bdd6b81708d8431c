// Two models within a budget for one: each is loaded when it is wanted, and its conversation continues where it stood.
//
//   fleet MODEL.gguf [MODEL.gguf]
#include <iostream>
#include <plimsoll/plimsoll.hpp>
using namespace plimsoll;

int main(int argc, char** argv) try {
  Fleet fleet;
  for (const char* name : {"log", "mate"}) {
    FleetModel model{.path = argv[argc > 2 && *name == 'm' ? 2 : 1], .options = {.name = name}};
    model.options.model.devices = {"none"};
    model.options.context.n_ctx = 16384;
    fleet.models.push_back(model);
  }
  fleet.budgets = {{.device = device::host(), .amount = 64_MiB}};  // each of them needs more than half of that

  const auto tell = [](const std::string& model, host::ModelState, host::ModelState to) {
    if (to == host::ModelState::ready || to == host::ModelState::swapped)
      std::cout << model << " is " << to_string(to) << std::endl;
  };
  const Host host(Runtime(), fleet, {.on_change = tell});
  const GenerationOptions eight{.predict = 8, .sampling = {.temperature = 0}};
  const ConversationId log = host.new_conversation("log");
  const ConversationId mate = host.new_conversation("mate");
  std::cout << host.acquire("log", {.conversation = log}).conversation().generate("Day 12.", eight).read_all() << "\n";
  std::cout << host.acquire("mate", {.conversation = mate}).conversation().generate("Day 3.", eight).read_all() << "\n";
  std::cout << host.acquire("log", {.conversation = log}).conversation().generate(eight).read_all() << "\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
