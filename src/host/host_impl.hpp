// Host::Impl: joins the host's owners: Queue (who waits for what), Loader (how models come and go) and
// ConversationStore (what was said). It counts and logs what they do, and decides nothing itself.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.hpp"
#include "host/host.hpp"
#include "memory/charge.hpp"

#include "conversation_store.hpp"
#include "fleet_devices.hpp"
#include "foreign_programs.hpp"
#include "kept_models.hpp"
#include "loader.hpp"
#include "model_files.hpp"
#include "neighbours.hpp"
#include "queue.hpp"
#include "remote_return.hpp"

namespace plimsoll::host {

class Reload;

// What the fleet says of a model that is planned so.
[[nodiscard]] ModelRules rules_of(const FleetModel& model, const plan::ModelPlan& plan);

// Any thread.
struct Host::Impl final : private QueueObserver {
 public:
  Impl(run::MemoryAccounting& accounting, Fleet fleet, dry_run::DryRunSource& dry_runs, plan::Store& store,
       HostOptions options);
  ~Impl() override;

  void try_again_where_files_changed(const std::string& model);  // a failed one
  void note_wait(const std::string& model, double seconds);      // of a lease, in the queue
  void load(const std::string& model, std::stop_token stop);
  std::size_t end_processes(ProcessesToEnd which) { return loader_.end_processes(which); }
  // host_reload.cpp
  [[nodiscard]] ReloadReport reload(const std::function<Fleet()>& read, plan::Planner& planner,
                                    const std::stop_token& stop);
  [[nodiscard]] HostStatus status() const;
  [[nodiscard]] std::map<std::string, ModelTimes> times() const;
  void count_first_token(const std::string& model, double seconds);
  [[nodiscard]] std::vector<plan::ModelPlan> plans() const;
  [[nodiscard]] FleetPlan fleet_plan() const;
  [[nodiscard]] std::string planned_files(const std::string& model) const;
  [[nodiscard]] std::shared_ptr<const engine::Model> mapped_model(const std::string& model) const {
    return loader_.mapped_model(model);
  }

  [[nodiscard]] Queue& queue() noexcept { return queue_; }
  [[nodiscard]] ConversationStore& conversations() noexcept { return conversations_; }
  [[nodiscard]] HostLog& log() noexcept { return log_; }
  [[nodiscard]] const FleetDevices& devices() const noexcept { return devices_; }
  [[nodiscard]] std::shared_ptr<const Fleet> fleet() const;
  [[nodiscard]] std::uint64_t fleet_number() const noexcept { return fleet_number_; }
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
  void look_at_devices(FreeCapacity& capacity) override;
  void ask_others(const AskOthers& wanted) override;
  void moved(const Moved& moved, const std::string& why) override;
  void refused(const std::string& model, ModelState state, const std::string& why) override;
  void decided() override;
  [[nodiscard]] Bytes held_by(const std::string& model) const;

  void count(const Outcome& outcome);  // on the loader's thread
  // Of machines that have gone.
  [[nodiscard]] RemoteReturn::World return_of_machines();
  void await_return_after(const Outcome& outcome);

  // --- host_reload.cpp ---
  void take_over(const Reload& reload);  // on the loader's thread
  [[nodiscard]] ModelRules rules_after(ModelRules rules, const FleetModel* before, const FleetModel& after) const;
  void set_budgets(const std::vector<plan::DeviceState>& devices);
  void count(const ReloadReport& report);

  run::MemoryAccounting& accounting_;
  const std::unique_ptr<ModelFiles> files_;
  SystemClock clock_;
  const bool has_own_policy_;  // a reload does not choose another one
  HostLog log_;
  memory::Charge log_charge_;  // under the queue's lock
  Mutex reloading_;            // one reload at a time
  std::atomic<std::uint64_t> fleet_number_ = 0;
  mutable Mutex mutex_;  // never held while calling out
  std::shared_ptr<const Fleet> fleet_ PLIMSOLL_GUARDED_BY(mutex_);
  ReloadCounts reloads_ PLIMSOLL_GUARDED_BY(mutex_);
  std::map<std::string, Counts> counts_ PLIMSOLL_GUARDED_BY(mutex_);
  std::vector<plan::ModelPlan> plans_ PLIMSOLL_GUARDED_BY(mutex_);  // the models', then their drafts'
  ConversationStore conversations_;
  KeptModels kept_;
  FleetDevices devices_;
  Neighbours neighbours_;
  enum class Asking { unknown, nobody, others };
  Asking asking_ = Asking::unknown;  // with the queue's lock: what has been decided since the devices were looked at
  Queue queue_;
  RemoteReturn remote_return_;
  Loader loader_;
  ForeignPrograms foreign_;
};

}  // namespace plimsoll::host
