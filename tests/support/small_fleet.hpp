// A fleet of the demo models on the CPU, each about 40 MiB, so that a budget can be drawn between them.
#pragma once
#include <string>
#include <vector>

#include "dry_run/local_dry_runs.hpp"
#include "host/host.hpp"
#include "run/generation.hpp"

#include "fault_injector.hpp"
#include "small_models.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::host::test {

inline constexpr Bytes kSlack = 12_MiB;  // less than a model; what the runtime stage may turn out to be beside its plan

// Names of one letter; models alternate between the two demo models.
[[nodiscard]] Fleet fleet_of(const std::string& names, std::uint32_t sequences = 2);

// With weights that stay mapped on any CPU: where its kernels have a layout of their own for them (CPU_REPACK, AMX),
// they would be copied into a buffer that is charged.
[[nodiscard]] Fleet mapped(Fleet fleet);

// Bytes on the CPU that these of the fleet's models need together.
[[nodiscard]] Bytes together(const Fleet& fleet, const std::string& names);

// A budget on the CPU with room for the largest `count` of them, and not for one more.
void budget_for(Fleet& fleet, std::size_t count);

// A host of its own, with everything it stands on.
class SmallHost {
 public:
  // `remembers`: the file of its store; as it is, nothing.
  explicit SmallHost(Fleet fleet, HostOptions options = {}, const std::string& remembers = "/dev/null/plimsoll.db");

  // The greedy continuation of a prompt on a fresh conversation.
  [[nodiscard]] std::string ask(const std::string& model, const std::string& prompt = "Day 12.");
  // Goes on with the conversation; the prompt may be empty.
  [[nodiscard]] std::string go_on(const std::string& model, ConversationId conversation, const std::string& prompt,
                                  std::int32_t tokens = 8);
  [[nodiscard]] ModelState state(const std::string& model) const;
  [[nodiscard]] ModelStatus status(const std::string& model) const;
  // Waits until nothing is loading, draining or being evicted.
  void settle() const;

  plimsoll::test::TemporaryFolder folder;
  run::MemoryAccounting accounting;
  plimsoll::test::FaultInjector faults{accounting.tracker()};
  dry_run::LocalDryRuns dry_runs;
  plan::Store store;
  Host host;
};

// What a model says on its own, without a host.
[[nodiscard]] std::string alone(const plan::Request& request, const std::string& prompt, std::int32_t tokens);

}  // namespace plimsoll::host::test
