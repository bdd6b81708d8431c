// Host::Impl: the run loop. One lock guards what is decided; the loop's thread does what takes long, without the lock.
#pragma once
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <thread>

#include <plimsoll/host/host.hpp>
#include <plimsoll/host/room.hpp>

#include "backend_accounting.hpp"
#include "compute_group.hpp"
#include "kept_models.hpp"
#include "readings.hpp"
#include "resident.hpp"

namespace plimsoll::host {

// Leases at once: what a context for embeddings computes, it computes in one call.
[[nodiscard]] inline std::size_t slots_of(const plan::ModelPlan& plan) {
  return plan.request.context.embeddings ? 1U : plan.dry_run.context.n_seq_max;
}

struct Host::Impl {
  Impl(run::MemoryAccounting& the_accounting, Fleet the_fleet, dry_run::DryRunSource& the_dry_runs,
       plan::Store& the_store, HostOptions the_options);
  ~Impl();

  // --- requests (host.cpp; how they wait: host_waiting.cpp) ---
  struct Granted {
    std::shared_ptr<Resident> resident;  // empty without a slot: it may have gone again
    double waited = 0;                   // seconds
  };
  [[nodiscard]] Granted wait_for(const std::string& model, const AcquireOptions& options, bool needs_slot);
  void note_queued(const std::string& model, double seconds);
  // `failed`: its model computes no more.
  void give_back(const std::string& model, bool failed) noexcept;
  void claim(ConversationId id, const std::string& model);
  void unclaim(ConversationId id) noexcept;
  [[nodiscard]] HostStatus status() const;
  [[nodiscard]] std::map<std::string, ModelTimes> times() const;

  // --- decisions, with the lock held (host_loop.cpp) ---
  // Whatever can be decided now; call it after everything that the dispatcher was told.
  void pump() noexcept;
  void settle(const Decision& decision);
  void charge_log();
  void look_at_devices();

  // --- what the devices say (host_devices.cpp; beside the accounting: readings.cpp), with or without the lock ---
  // As admission sees them: see Host::devices().
  [[nodiscard]] std::vector<plan::DeviceState> device_states() const;
  // What each device says now; free is unknown where it says nothing.
  [[nodiscard]] std::vector<plan::DeviceState> readings() const;
  [[nodiscard]] Accounting accounting_of(const std::vector<memory::Entry>& entries) const;
  [[nodiscard]] bool is_fleets(const std::string& owner) const;

  // --- transitions, on the loop's thread, without the lock (host_moves.cpp; the loop itself in host_loop.cpp) ---
  void loop(const std::stop_token& stop);
  void rest(std::unique_lock<std::mutex>& lock, const std::stop_token& stop);
  // Whatever goes wrong in these two, the dispatcher hears that they are over.
  void load(const std::string& name) noexcept;
  void evict(const std::string& name, const std::string& whom_for) noexcept;
  // What is swapped out in host memory where that model is to lie leaves it.
  void make_way_for(const std::string& name);
  [[nodiscard]] std::shared_ptr<Resident> open_beside_swapped(const std::string& name);
  // After that error: what is kept, else what is swapped out in memory, leaves. False: there was nothing, or it was not
  // that.
  [[nodiscard]] bool is_about_host_memory(const Error& error) const;
  [[nodiscard]] bool make_more_way(const std::string& name, const Error& error);
  // True: it was planned anew, and who goes for it is decided once more.
  [[nodiscard]] bool is_decided_anew(const std::string& name);
  void note_loaded(const std::string& name, const Resident& resident, double ms);
  void let_go_of(const std::string& name, const std::string& whom_for);
  void forget_what_stays(const std::string& name);
  [[nodiscard]] std::vector<device::DeviceId> computed_on(const std::string& name) const;
  [[nodiscard]] std::shared_ptr<Resident> open(const std::string& name);
  // Loads it, makes its context, calls `has_context`, warms it up and seals it.
  [[nodiscard]] Ready make_ready(const std::string& name, run::WarmUpDepth depth,
                                 const std::function<void(run::Instance&)>& has_context);
  void warm(run::Instance& instance, run::WarmUpDepth depth);
  // --- weights that are kept (host_keeping.cpp), on the loop's thread, without the lock ---
  // Of a model that goes, for that newcomer.
  void keep_weights(const Resident& resident, const std::string& whom_for);
  void keep_copy(const run::Instance& instance, const std::string& whom_for);
  void keep_model(const run::Instance& instance);
  [[nodiscard]] bool has_room_to_keep(Bytes copy, const std::string& whom_for) const;
  [[nodiscard]] Bytes needed_on_host(const std::string& model) const;  // charged, with its draft
  void load_weights(run::Instance& instance);

  // --- files that change (changed_files.cpp) ---
  void note_files();  // before they are planned
  // Before a load, on the loop's thread: the model and its draft. False: their files are as planned.
  [[nodiscard]] bool plan_anew_where_changed(const std::string& model);
  void plan_anew(const plan::Request& request, const std::string& files);
  void choose_group(plan::ModelPlan& plan);
  [[nodiscard]] bool is_as_planned(const std::string& name) const;                // its files are
  [[nodiscard]] std::string files_if_as_planned(const std::string& model) const;  // any thread, without the lock
  [[nodiscard]] std::string files_of_all(const std::string& model) const;         // and of its draft
  void retry_where_mended(const std::string& model);  // failed, and its files have changed since
  void give_back_changed(const std::string& model);   // a lease on what must not be used again
  void refresh_runtimes();                            // with the lock held
  [[nodiscard]] std::string runtime_key_of(const plan::ModelPlan& model) const;
  [[nodiscard]] ComputeGroup& group_of(const plan::ModelPlan& model);
  void note_unusable();
  void expect_load_of(const plan::ModelPlan& model);
  // The plans of those that have leases: all but the drafts.
  [[nodiscard]] std::span<const plan::ModelPlan> model_plans() const {
    return std::span(plans).first(fleet.models.size());
  }
  [[nodiscard]] const FleetModel& declared(const std::string& model) const;
  [[nodiscard]] std::vector<std::string> with_draft(const std::string& model) const;
  [[nodiscard]] Bytes held_by(const std::string& model) const;

  struct Waiter {
    bool granted = false;
    std::optional<Error> refused;
    std::optional<Error> short_of;  // others hold what it needs; it waits for that
  };
  class Waiting;  // a ticket for as long as somebody waits for it
  struct Conversation {
    std::string model;
    bool in_use = false;
  };
  struct Counts {
    std::uint64_t loads = 0;
    std::uint64_t load_failures = 0;
    std::uint64_t evictions = 0;
    std::uint64_t refusals = 0;
    std::uint64_t tokens_before = 0;  // by residents that are gone
    double last_load_ms = 0;
    ModelTimes times;
  };
  // What this process has warmed: found made by the next load.
  struct KnownWarmUp {
    std::string key;  // of device, driver, engine, shape and configuration
    run::WarmUpReport report;
    run::Instance::Runtime runtime;  // what the model takes anew each time
  };
  using Task = std::variant<Load, Evict>;

  run::MemoryAccounting& accounting;
  Fleet fleet;
  dry_run::DryRunSource& dry_runs;
  plan::Store& store;
  HostOptions options;
  SystemClock clock;
  HostLog log{clock};
  memory::Charge log_charge;
  // The models', then their drafts'; a placeholder where one could not be planned. Changed by the loop, under the lock.
  std::vector<plan::ModelPlan> plans;
  std::vector<plan::DeviceVerdict> device_list;  // for Instance: which devices there are
  std::optional<BackendAccounting> backends;
  SwapSpace swap_space;  // these two have locks of their own
  KeptModels kept;

  mutable std::mutex mutex;
  std::condition_variable_any changed;
  Dispatcher dispatcher;
  Room room;
  std::map<TicketId, Waiter> waiters;
  std::map<std::string, std::shared_ptr<Resident>> residents;
  std::map<std::string, Counts> counts;
  std::map<std::string, std::string> reasons;      // of the move that comes next: "for 'b'"
  std::map<std::string, std::string> tried_files;  // by model: its files when it was last to be planned or loaded
  std::map<ConversationId, Conversation> conversations;
  ConversationId next_conversation = 1;
  std::deque<Task> tasks;
  std::stop_source ending;  // of the host: nobody is let in any more, and a load in progress is not waited for

  // The loop's own.
  bool trim_when_idle = false;
  std::map<std::string, std::unique_ptr<ComputeGroup>>
      compute_groups;  // the group's name, or "model:NAME" for one without
  std::map<std::string, KnownWarmUp> known_warm_ups;
  std::map<std::string, std::string> planned_files;  // by model: which files its plan is of; written under the lock
  // Models whose weights are all page cache stay mapped: no budget is held against that, and what they have on the heap
  // stands under "backends" like all that is left behind. To load one again is then to make its context.
  std::map<std::string, std::shared_ptr<engine::Model>> mapped;
  // A place in the compute group of a model that has gone for another one of the same compute group, so that the
  // compute buffers stays.
  std::unique_ptr<ComputeGroup::Member> successors_place;
  // Measured by a warm-up that did not see everything.
  std::map<std::pair<std::string, device::DeviceId>, Bytes> runtime_lower_bounds;
  std::jthread thread;
};

}  // namespace plimsoll::host
