// Two models within a budget for one: each is loaded when it is wanted, and its conversation continues where it stood.
//
//   fleet MODEL.gguf [MODEL.gguf]
#include <iostream>
#include <plimsoll/plimsoll.hpp>
#include "dry_run/local_dry_runs.hpp"
#include "host/host.hpp"

using namespace plimsoll;

// Continues a conversation by eight tokens.
std::string go_on(host::Host& host, const std::string& model, host::ConversationId conversation, const char* text) {
  host::Lease lease = host.acquire(model, {.conversation = conversation});
  run::GenerationParams params{.predict = 8, .sampling = {.temperature = 0}};
  if (*text != '\0') params.prompt = run::tokenize_prompt(*lease.instance().model(), text);
  run::Generation generation(lease.conversation(), params);
  return run::stream(generation);
}

int main(int argc, char** argv) try {
  host::Fleet fleet;
  for (const char* name : {"log", "mate"}) {
    host::FleetModel model;
    model.request = {.name = name, .dry_run = {}, .compute_group = host::kDefaultGroup};
    model.request.dry_run.model = {.path = argv[argc > 2 && *name == 'm' ? 2 : 1], .devices = {"none"}};
    model.request.dry_run.context.n_ctx = 16384;
    fleet.models.push_back(model);
  }
  fleet.budgets = {{.device = device::host(), .amount = 64_MiB}};  // each of them needs more than half of that

  run::MemoryAccounting accounting;
  dry_run::LocalDryRuns dry_runs;
  plan::Store store;
  host::Host host(accounting, fleet, dry_runs, store);
  const auto first = host.new_conversation("log");
  const auto second = host.new_conversation("mate");
  std::cout << go_on(host, "log", first, "Day 12.") << "\n";
  std::cout << go_on(host, "mate", second, "Day 3.") << "\n";
  std::cout << go_on(host, "log", first, "") << "\n";
  for (const host::HostEvent& event : host.log().events()) {
    if (event.to == host::ModelState::ready || event.to == host::ModelState::swapped)
      std::cout << event.model << " is " << to_string(event.to) << "\n";
  }
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
