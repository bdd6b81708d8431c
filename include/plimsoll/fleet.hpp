// Fleet: the models that share a machine, and by which rules; declared in code or in a TOML file.
#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/memory/budget.hpp>
#include <plimsoll/model.hpp>

namespace plimsoll {

struct FleetModel {
  std::filesystem::path path{};
  // Its name is what requests ask for (empty: the file's name without its ending). Its `stop` and `load_progress` are
  // not used.
  ModelOptions options{};
  std::string compute_group = "main";  // models of one group take turns and share compute buffers; empty: its own
  // Its engine is in a process of its own, with the others of its group (HostOptions::program), and what ends that ends
  // nothing else. Models of one group are so together; those of "main" are in the group "isolated".
  bool own_process = false;
  bool pinned = false;                                      // never evicted for another model
  int priority = 0;                                         // higher stays longer
  std::optional<std::chrono::milliseconds> time_to_live{};  // idle that long, it goes; empty: stays
  bool load_at_start = false;
  bool embeddings = false;  // for vectors
  bool ranking = false;     // for scores of documents
};

struct Fleet {
  std::vector<FleetModel> models{};
  std::vector<memory::BudgetRequest> budgets{};  // empty: the runtime's
  Bytes swap_memory{std::uint64_t{1} << 30U};    // for conversations of evicted models; beyond it they go to disk
  Bytes swap_disk{std::uint64_t{4} << 30U};      // beyond it only their tokens are kept: they are decoded again
  std::filesystem::path swap_folder{};           // empty: "swap" in the user's Plimsoll cache
  std::size_t most_models = 0;                   // loaded at once, drafts not counted; 0: as many as fit
  Bytes keep_in_host{};                          // for weights of models that have gone; 0: nothing
  // Of each memory, for programs that are not Plimsoll's: idle models go where they take more than is left; 0: nothing.
  Bytes yield_to_foreign{};
  // Which models go first for another one: "lru", "priority" and others (docs/hosting.md, "Eviction policies").
  std::string eviction = "balanced";
  memory::Thresholds thresholds{};  // from which on a monitor of the host alerts
};

}  // namespace plimsoll
