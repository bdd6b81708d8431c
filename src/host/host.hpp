// Host: the models of a fleet in one process: loaded when they are asked for, evicted when others need their place.
//
//   host::Host host(accounting, host::read_fleet("fleet.toml"), dry_runs, store);
//   host::Lease lease = host.acquire("chat");
//   run::Generation answer(lease.conversation(), {.prompt = ...});
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include <plimsoll/host/status.hpp>
#include "dry_run/dry_run_source.hpp"
#include "host/eviction.hpp"
#include "host/fleet.hpp"
#include "host/fleet_plan.hpp"
#include "host/host_log.hpp"
#include "host/isolation.hpp"
#include "host/lease.hpp"
#include "host/model_times.hpp"
#include "host/reload_report.hpp"
#include "plan/planner.hpp"
#include "plan/store.hpp"
#include "run/memory_accounting.hpp"

namespace plimsoll::host {

struct HostOptions {
  std::shared_ptr<const EvictionPolicy> policy{};  // empty: the fleet's (Fleet::eviction), and a reload may change it
  std::size_t longest_queue = 1000;                // requests that wait; who comes then is refused with Error{busy}
  // Of requests_of() the fleet, within its budgets, where a planner has made it just now; empty: the host plans.
  std::optional<plan::Plan> planned{};
  std::chrono::milliseconds time_slice = Dispatcher::kTimeSlice;  // of a lease, before it gives way to another one
  bool require_enforcing = false;  // throw where the hook is not in the way, instead of going on with advice only
  // What is run as the process of models that have one (isolation.hpp), and its arguments; empty: such a model fails.
  std::vector<std::string> worker_program{};
  HostLog::Listener told{};  // of every event from the first on: see HostLog::listen()
};

// Any thread. Accounting, dry runs and store outlive it; dry runs are asked while it is constructed, the store is used
// by the host's own thread afterwards and by nobody else.
//
// Everything that takes or gives memory back is done by one thread of its own, one model after the other, so that what
// a load takes beside its buffers can be told apart. Models at work go on meanwhile.
class Host {
 public:
  // Plans every model; loads those that are to be loaded at start (they are not waited for). A model that cannot be
  // used is failed. Throws Error{usage} where the fleet contradicts itself, why the first model cannot be used where
  // none can, and what dry runs throw that is not about one model.
  Host(run::MemoryAccounting& accounting, Fleet fleet, dry_run::DryRunSource& dry_runs, plan::Store& store,
       HostOptions options = {});
  // Refuses who still waits, cancels a load in progress, waits for the leases, and gives everything back.
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // Waits until the model is ready and has a slot free. A load that nobody waits for any more is stopped. Throws Error:
  // usage (no such model or conversation), over_budget (it cannot fit, whoever goes), busy (see AcquireOptions; the
  // queue is full; the conversation has a lease already), cancelled, and what loading failed with, for this model
  // alone. A model that is failed is not tried again before that is due (see Dispatcher), or its files have changed
  // since. LeaseRequest waits in steps.
  [[nodiscard]] Lease acquire(const std::string& model, AcquireOptions options = {});

  // A conversation of that model, empty as yet; nothing is taken for it until it is first used. When its model goes,
  // its state is swapped out, and it goes on where it stood when the model is back.
  [[nodiscard]] ConversationId new_conversation(const std::string& model);
  void end_conversation(ConversationId conversation);  // throws Error{busy} while it has a lease
  // One that was saved, maybe by another process: swapped out as yet. Its first lease brings it back; where its memory
  // does not fit that context (another kind of cache, another version of the engine), its tokens are decoded again.
  [[nodiscard]] ConversationId add_conversation(const std::string& model, run::SequenceSnapshot saved);
  // A copy of it, wherever it is. Empty: nothing was ever said in it. `may_take` is asked before its memory is copied
  // to the host; where it says no, the tokens alone come. Throws Error: usage (there is none), busy (a lease has it),
  // and what saving throws.
  [[nodiscard]] std::optional<run::SequenceSnapshot> save_conversation(ConversationId conversation,
                                                                       const std::function<bool(Bytes)>& may_take);

  // Loads it without a lease, and waits for it; throws as acquire() does, but tries a failed model again at once. Where
  // `stop` ends the waiting, the load goes on: the host wants it until unload().
  void load(const std::string& model, std::stop_token stop = {});
  // Evicts it once nobody has a lease, or stops its load once nobody waits for a lease; does not wait. A request for it
  // meanwhile keeps it. Throws Error{usage} where it is pinned.
  void unload(const std::string& model);
  // The host is about to end, and somebody still waits for an answer that was to be broken off: these processes of
  // models are ended, and what waits for one gets Error{cancelled}. No other is started afterwards. Does not wait;
  // answers how many there were. What hangs in this process hangs on.
  std::size_t end_processes(ProcessesToEnd which);
  void pin(const std::string& model, bool pinned);
  // Whoever generates on a lease tells here how long its request took to the first token, waiting included.
  void count_first_token(const std::string& model, double seconds);
  // From now on it goes once it has been idle that long; empty: it stays. In the place of the fleet's own rule.
  void set_time_to_live(const std::string& model, std::optional<std::chrono::milliseconds> idle);

  // The fleet that `read` gives, in the place of this one, all or nothing. One at a time: who comes meanwhile waits,
  // and then reads. What is declared as it was keeps its weights, conversations, leases and queue. Of what changes or
  // goes, leases go on to their end; who asks for it meanwhile waits for what it becomes, or is told that there is no
  // such model; its conversations go on where the files are the same.
  //
  // Nothing is changed where `read` throws, the fleet contradicts itself, a model of a fleet file that is new or
  // declared otherwise cannot be used or does not fit even alone, or one that fitted does not under the new budgets. A
  // model that is declared as before, or that no fleet file declares (a folder's), fails by itself, as at the start.
  // `planner` is the caller's own for this time, and plans what is new. Throws Error{cancelled} where `stop` was
  // requested before the change began, else nothing: what was wrong is in the report.
  [[nodiscard]] ReloadReport reload(const std::function<Fleet()>& read, plan::Planner& planner,
                                    const std::stop_token& stop = {});

  [[nodiscard]] bool has(const std::string& model) const;  // it is a model of the fleet, which acquire() knows
  [[nodiscard]] HostStatus status() const;
  [[nodiscard]] std::map<std::string, ModelTimes> times() const;  // by model; drafts count as their models'
  [[nodiscard]] HostLog& log() noexcept;
  [[nodiscard]] run::MemoryAccounting& accounting() noexcept;
  [[nodiscard]] broker::MachineLedger& machine() const noexcept;  // where this process stands among others
  // As it is now; a reload puts another one in its place, and who holds this one keeps it.
  [[nodiscard]] std::shared_ptr<const Fleet> fleet() const;
  // Another one for each fleet.
  [[nodiscard]] std::uint64_t fleet_number() const noexcept;
  // What the fleet comes to, with the devices as they are.
  [[nodiscard]] FleetPlan fleet_plan() const;
  // Of requests_of() the fleet, as they are planned by now.
  [[nodiscard]] std::vector<plan::ModelPlan> plans() const;
  // Which files the model's plan was made from (engine::file_identity of each). Empty: it could not be planned, or
  // other files are there now; the next load plans them in a dry run, so nobody else should read them before.
  [[nodiscard]] std::string planned_files(const std::string& model) const;
  // The model itself where its weights are all page cache and this process has them mapped, loaded or not: to hold it
  // takes nothing that counts. Null: there is none.
  [[nodiscard]] std::shared_ptr<const engine::Model> mapped_model(const std::string& model) const;
  // The devices as admission sees them now: budgets; readings to whose free memory the fleet's own bytes are added
  // back; and as `ours` what of this process counts against a budget beside the fleet (what backends keep).
  [[nodiscard]] std::vector<plan::DeviceState> devices() const;

 private:
  friend class Lease;
  friend class LeaseRequest;
  struct Impl;  // src/host/host_impl.hpp
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::host
