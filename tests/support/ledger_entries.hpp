// ledger_entries: a model under a tracker of its own, and what its ledger shows, in the dry run's words.
#pragma once
#include <string>
#include <vector>

#include "dry_run/dry_run.hpp"
#include "engine/context.hpp"
#include "engine/model.hpp"
#include "memory/capacity.hpp"
#include "memory/ledger.hpp"
#include "tracker/tracker.hpp"

namespace plimsoll::test {

// A ledger without budgets, watched into by a tracker while this lives. One at a time in a process.
class Accounting {
 public:
  Accounting() { tracker_.start(); }

  [[nodiscard]] memory::Ledger& ledger() noexcept { return ledger_; }
  [[nodiscard]] tracker::Tracker& tracker() noexcept { return tracker_; }
  // What is placed now, sorted as a dry run's entries are; all owners together.
  [[nodiscard]] std::vector<dry_run::BufferEntry> entries() const;

 private:
  memory::Ledger ledger_;
  memory::LedgerCapacity capacity_{ledger_};
  tracker::Tracker tracker_{ledger_, capacity_};
};

// Under a scope of the right phase, so that the tracker attributes what is allocated.
[[nodiscard]] std::shared_ptr<engine::Model> load_charged(const engine::ModelParams& params,
                                                          const std::string& owner = "model");
[[nodiscard]] std::unique_ptr<engine::Context> create_charged(const std::shared_ptr<engine::Model>& model,
                                                              const engine::ContextParams& params,
                                                              const std::string& owner = "model");

// "Vulkan0 Vulkan_Host compute 4214784", "CPU CPU_Mapped weights 131072 (page cache)"; one line each.
[[nodiscard]] std::string to_text(const std::vector<dry_run::BufferEntry>& entries);

}  // namespace plimsoll::test
