// Fleet: the models that share a machine, and by which rules: declared in code or in a TOML file (fleet_file.hpp).
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/memory/budget.hpp>
#include "device/rpc_address.hpp"
#include "engine/partial_sampling.hpp"
#include "host/eviction_policies.hpp"
#include "host/fleet_keys.hpp"
#include "host/isolation.hpp"
#include "plan/plan.hpp"
#include "plan/runtime_request.hpp"
#include "run/speculative.hpp"
#include "run/warm_up.hpp"

namespace plimsoll::host {

inline constexpr const char* kDefaultGroup = "main";

// A small model that proposes tokens to another one. It is planned, loaded and evicted with that one, and has no leases
// of its own; see run::plan_with_draft().
struct FleetDraft {
  plan::Request request{};
  run::SpeculationParams speculation{};
};

// Another name for a model, with settings of its own over the same weights and context. It costs no byte.
struct Preset {
  std::string name{};
  std::vector<std::string> aliases{};
  std::string system{};                // what a conversation without a system message begins with; empty: nothing
  std::optional<bool> thinking{};      // what the template is told, unless the request says it
  std::string chat_template{};         // in the place of the model's; empty: that
  std::string template_values{};       // a JSON object of what it may ask for, over the model's; empty: nothing
  std::uint32_t n_ctx = 0;             // of prompt and answer together at most; 0: the model's
  engine::PartialSampling sampling{};  // over the model's
  // How much of which of the model's adapters; of the others nothing. Empty: as the model has them.
  std::optional<std::vector<engine::AdapterParams>> adapters{};
  friend bool operator==(const Preset&, const Preset&) = default;
};

struct FleetModel {
  plan::Request request{};  // name, file, parameters; and the compute group: models of one compute group take turns and
                            // share compute buffers
  bool pinned = false;      // never evicted for another model
  int priority = 0;         // higher stays longer
  std::optional<std::chrono::milliseconds> time_to_live{};  // idle that long, it goes; empty: stays
  bool load_at_start = false;
  Isolation isolation{};
  run::WarmUpDepth warm_up = run::WarmUpDepth::automatic;  // of its first load; later ones find what that has made
  std::optional<FleetDraft> draft{};
  std::vector<std::string> aliases{};  // names that requests may use, beside its own or with it
  std::vector<std::string> tags{};     // shown to clients, and of no effect
  std::string chat_template{};         // Jinja text or a built-in name, in the place of the file's own; empty: that
  std::string template_values{};       // a JSON object of what it may ask for, over the server's; empty: nothing
  engine::PartialSampling sampling{};  // over what the file recommends, under what requests say
  std::vector<Preset> presets{};
  std::string place{};  // where a fleet file declares it: "fleet.toml:12:1"; empty: none does
};

// Where the conversations of evicted models are kept.
struct SwapLimits {
  Bytes memory{std::uint64_t{1} << 30U};  // on the host; beyond it the longest swapped out go to disk
  Bytes disk{std::uint64_t{4} << 30U};    // beyond it only their tokens are kept: they are decoded again
  std::filesystem::path folder{};         // empty: "swap" in the user's Plimsoll cache
  Bytes kept{};                           // on disk, by prompts that a server keeps beyond its end; 0: it keeps none
};

using memory::Thresholds;

inline constexpr std::int64_t kMostModels = 1'000'000;

struct Fleet {
  std::vector<FleetModel> models{};
  std::vector<memory::BudgetRequest> budgets{};
  std::vector<plan::RuntimeRequest> runtime{};  // for estimates and calibrations
  SwapLimits swap{};
  Isolation isolation{};                  // of models that say nothing of it themselves: see settle_isolation()
  std::vector<device::RpcAddress> rpc{};  // servers whose devices are among those to plan for
  bool rpc_insecure = false;              // they may be at addresses that are not private
  Bytes keep_in_host{};  // for weights of models that have gone, so that they come back without their file; 0: nothing
  Bytes yield_to_foreign{};     // of each memory, for programs that are not Plimsoll's: see ForeignWatch; 0: nothing
  std::size_t most_models = 0;  // loaded at once, drafts not counted; 0: as many as fit
  std::string eviction = kDefaultEviction;  // by which policy: see eviction_policies.hpp
  Thresholds thresholds{};
  std::vector<FleetKey> keys{};  // of those who may ask, for a server
  bool prefault =
      true;  // false: host buffers are there at their first touch only; see tracker::Tracker::set_prefault()
};

// One sentence for each thing that contradicts itself: no model, a name (an alias, a preset's) twice or none, a path
// that is empty, thresholds out of order, an unknown eviction policy. Empty: it can be hosted.
[[nodiscard]] std::vector<std::string> contradictions(const Fleet& fleet);

// What is to be planned: its models in their order, then their drafts.
[[nodiscard]] std::vector<plan::Request> requests_of(const Fleet& fleet);
// Throws Error{usage} where there is none of that name.
[[nodiscard]] const FleetModel& model_of(const Fleet& fleet, const std::string& name);
// By a model's name the name of its draft.
[[nodiscard]] std::map<std::string, std::string> drafts_of(const Fleet& fleet);

}  // namespace plimsoll::host
