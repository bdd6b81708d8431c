// Host::Impl: joins the host's owners: Queue (who waits for what), Loader (how models come and go) and
// ConversationStore (what was said). It counts and logs what they do, and decides nothing itself.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.hpp"
#include "host/host.hpp"
#include "memory/charge.hpp"

#include "conversation_store.hpp"
#include "fleet_devices.hpp"
#include "kept_models.hpp"
#include "loader.hpp"
#include "model_files.hpp"
#include "queue.hpp"

namespace plimsoll::host {

// Any thread.
struct Host::Impl final : private QueueObserver {
 public:
  Impl(run::MemoryAccounting& accounting, Fleet fleet, dry_run::DryRunSource& dry_runs, plan::Store& store,
       HostOptions options);
  ~Impl() override;

  void try_again_where_files_changed(const std::string& model);  // a failed one
  void note_wait(const std::string& model, double seconds);      // of a lease, in the queue
  void load(const std::string& model, std::stop_token stop);
  [[nodiscard]] HostStatus status() const;
  [[nodiscard]] std::map<std::string, ModelTimes> times() const;
  [[nodiscard]] std::vector<plan::ModelPlan> plans() const;
  [[nodiscard]] std::string planned_files(const std::string& model) const;

  [[nodiscard]] Queue& queue() noexcept { return queue_; }
  [[nodiscard]] ConversationStore& conversations() noexcept { return conversations_; }
  [[nodiscard]] HostLog& log() noexcept { return log_; }
  [[nodiscard]] const FleetDevices& devices() const noexcept { return devices_; }
  [[nodiscard]] const Fleet& fleet() const noexcept { return fleet_; }
  [[nodiscard]] run::MemoryAccounting& accounting() noexcept { return accounting_; }

 private:
  struct Planned;
  struct Counts {
    std::uint64_t loads = 0;
    std::uint64_t load_failures = 0;
    std::uint64_t evictions = 0;
    std::uint64_t refusals = 0;
    double last_load_ms = 0;
    ModelTimes times;
  };
  Impl(run::MemoryAccounting& accounting, Planned planned, dry_run::DryRunSource& dry_runs, plan::Store& store,
       const HostOptions& options);

  // --- as the queue's observer: with its lock held ---
  void look_at_devices(FreeCapacity& capacity) override { devices_.look(capacity); }
  void moved(const Moved& moved, const std::string& why) override;
  void refused(const std::string& model, ModelState state, const std::string& why) override;
  void decided() override;
  [[nodiscard]] Bytes held_by(const std::string& model) const;

  void count(const Outcome& outcome);  // on the loader's thread

  run::MemoryAccounting& accounting_;
  const Fleet fleet_;
  const std::vector<std::string> names_;  // of the models that have leases: all but the drafts
  const std::unique_ptr<ModelFiles> files_;
  SystemClock clock_;
  HostLog log_{clock_};
  memory::Charge log_charge_;  // under the queue's lock
  mutable Mutex mutex_;        // never held while calling out
  std::map<std::string, Counts> counts_ PLIMSOLL_GUARDED_BY(mutex_);
  std::vector<plan::ModelPlan> plans_ PLIMSOLL_GUARDED_BY(mutex_);  // the models', then their drafts'
  ConversationStore conversations_;
  KeptModels kept_;
  FleetDevices devices_;
  Queue queue_;
  Loader loader_;
};

}  // namespace plimsoll::host
