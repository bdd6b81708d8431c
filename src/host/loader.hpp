// Loader: the thread that loads, warms and evicts models.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "dry_run/dry_run_source.hpp"
#include "host/fleet.hpp"
#include "host/free_capacity.hpp"
#include "plan/store.hpp"
#include "run/compute_group.hpp"

#include "conversation_store.hpp"
#include "fleet_devices.hpp"
#include "isolated_models.hpp"
#include "loader_outcome.hpp"
#include "model_files.hpp"
#include "queue.hpp"
#include "resident.hpp"
#include "runtime_memory.hpp"
#include "weight_keeper.hpp"

namespace plimsoll::host {

// Takes its jobs from the queue and reports what became of each as a value; whatever is thrown on the way is an
// outcome, too. One job at a time: what a load takes beside its buffers is read from the devices, and could not be told
// apart from another's. Models at work go on meanwhile. Everything in it is its own thread's.
class Loader {
 public:
  struct Surroundings {  // all of it outlives the loader
    run::MemoryAccounting& accounting;
    std::shared_ptr<const Fleet> fleet;  // until it becomes another one
    dry_run::DryRunSource& dry_runs;
    plan::Store& store;
    FleetDevices& devices;
    ModelFiles& files;
    ConversationStore& conversations;
    KeptModels& kept;
    Queue& queue;
    std::vector<std::string> worker_program;   // see HostOptions
    std::function<void(const Outcome&)> told;  // of each outcome, before the queue is
    // That model has been given up because a machine that it computes on does not answer. Any thread.
    std::function<void(const std::string& model)> machine_has_gone;
  };
  // Begins at once. `capacity`: of the same plans.
  Loader(Surroundings surroundings, std::vector<plan::ModelPlan> plans, FreeCapacity capacity);
  // Lets go of what it has kept for models that may come back. No model is loaded any more by then.
  ~Loader();
  // Waits until the job in progress is over; there is no other after it. No model is used any more: a process of models
  // that hangs is not waited for.
  void stop();
  std::size_t end_processes(ProcessesToEnd which) { return isolated_.end_processes(which); }  // see there
  // See Host::mapped_model(). Any thread.
  [[nodiscard]] std::shared_ptr<const engine::Model> mapped_model(const std::string& name) const {
    return weights_.mapped(name);
  }
  // On its own thread, between two jobs: the fleet becomes another one. Models that hold their memory keep it until
  // they are evicted.
  void change_fleet(std::shared_ptr<const Fleet> fleet, FleetChange change);

 private:
  // A model that changes or goes, and holds its memory still.
  struct Leaving {
    FleetModel declared;  // as it was when it was loaded
    Successor successor;
  };
  void run(const std::stop_token& stop);
  [[nodiscard]] bool tidy_up();
  void report(Outcome outcome) noexcept;

  // --- a model comes ---
  [[nodiscard]] Outcome load(const std::string& name, const std::stop_token& stop) noexcept;
  [[nodiscard]] std::vector<plan::ModelPlan> plan_anew_where_changed(const std::string& model);
  [[nodiscard]] plan::ModelPlan plan_anew(const plan::Request& request);
  void choose_group(plan::ModelPlan& plan);
  void make_way_for(const std::string& name);
  [[nodiscard]] bool make_more_way(const std::string& name, const Error& error);
  [[nodiscard]] bool is_about_host_memory(const Error& error) const;
  [[nodiscard]] std::shared_ptr<Resident> open_with_way_made(const std::string& name, const std::stop_token& stop);
  [[nodiscard]] std::shared_ptr<Resident> open(const std::string& name, const std::stop_token& stop);
  [[nodiscard]] Ready make_ready(const std::string& name, const FleetModel& asked, const std::stop_token& stop,
                                 const std::function<void(const engine::Model&)>& has_context);
  [[nodiscard]] Ready make_ready_here(const std::string& name, run::WarmUpDepth depth, const std::stop_token& stop,
                                      const std::function<void(const engine::Model&)>& has_context);
  [[nodiscard]] Ready make_isolated(const std::string& name, const FleetModel& asked, const std::stop_token& stop);
  [[nodiscard]] run::ComputeGroup& group_of(const plan::ModelPlan& model);

  // --- a model goes (loader_evicting.cpp) ---
  [[nodiscard]] Outcome evict(const Evict& evict, std::shared_ptr<Resident> resident,
                              const std::stop_token& stop) noexcept;
  void let_go_of(std::shared_ptr<Resident> resident, const std::string& whom_for, const std::stop_token& stop);
  [[nodiscard]] std::vector<device::DeviceId> computed_on(const std::vector<std::string>& names) const;

  // --- another fleet (loader_fleet.cpp) ---
  void forget(const std::string& model, const FleetModel& declared, const ModelChange* successor);
  void put_in_place(const ModelChange& model);
  void choose_groups(std::vector<plan::ModelPlan>& plans);
  [[nodiscard]] std::optional<Successor> succeed(const std::string& model);
  [[nodiscard]] bool keeps_its_weights(const std::string& model) const;

  [[nodiscard]] const FleetModel& declared(const std::string& model) const;
  [[nodiscard]] std::vector<std::string> with_draft(const std::string& model) const;
  [[nodiscard]] Bytes needed_on_host(const std::string& model) const;  // charged, with its draft
  void pass_on_runtimes();
  [[nodiscard]] std::vector<plan::ModelPlan> plans_of_this_process() const;

  Surroundings outer_;
  std::vector<plan::ModelPlan> plans_;  // of the models and their drafts, as they are loaded or would be
  std::map<std::string, Leaving> leaving_;
  FreeCapacity capacity_;  // the queue has one of its own
  RuntimeMemory runtimes_;
  WeightKeeper weights_;
  std::map<std::string, std::unique_ptr<run::ComputeGroup>> compute_groups_;  // by name, or "model:NAME" without one
  IsolatedModels isolated_;
  // A place in the compute group of a model that has gone for another one of the same group, so that the compute
  // buffers stay.
  std::unique_ptr<run::ComputeGroup::Member> successors_place_;
  bool trims_when_idle_ = false;
  std::jthread thread_;
};

// What is being thrown, as a value.
[[nodiscard]] Error current_failure() noexcept;

}  // namespace plimsoll::host
