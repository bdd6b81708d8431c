// Dispatcher: who gets which model, what has to go for it, and what is refused. A deterministic machine: it is told
// what happened and says what to do next; it knows no threads, no engine and no clock of its own, so that its scenarios
// are tested as text.
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <plimsoll/base/error.hpp>
#include <plimsoll/host/status.hpp>
#include "base/clock.hpp"
#include "host/claim.hpp"
#include "host/eviction.hpp"
#include "host/fair_shares.hpp"
#include "host/free_capacity.hpp"

namespace plimsoll::host {

// What the fleet says of a model, as far as it matters here.
struct ModelRules {
  std::string name;
  std::size_t slots = 1;                                    // leases at once
  bool pinned = false;                                      // never evicted for another one
  int priority = 0;                                         // higher stays longer
  std::optional<std::chrono::milliseconds> time_to_live{};  // idle that long, it goes
};

// How a model stands, for other processes.
struct ModelStanding {
  ModelState state = ModelState::absent;
  bool is_idle = false;  // nobody has it, and nobody who waits for it is served before it may go
  bool is_yielding = false;
  bool pinned = false;
  int priority = 0;
  Clock::TimePoint last_used{};
  std::chrono::milliseconds load_time{};
  // Owners of the compute groups in which no other model is resident: what they hold goes with it. See the queue.
  std::vector<std::string> last_of{};
  bool is_last_of_all = true;  // of its compute groups, where it has any
  friend bool operator==(const ModelStanding&, const ModelStanding&) = default;
};

using TicketId = std::uint64_t;

// What to do where the memory that a model needs belongs to models at work.
enum class WhenBusy { wait, refuse };
// What to do where memory that others hold is in the way, and our own budget is not: it may pass.
enum class WhenShort { refuse, wait };

// What is to be done, in this order. Loads and evictions are reported back; there is one of them at a time, so that
// what a load takes beside its buffers can be measured.
struct Grant {
  TicketId ticket;
  std::string model;
};
struct Refuse {
  TicketId ticket;
  std::string model;
  ErrorCode code;  // over_budget, out_of_device_memory, busy, or what its model failed with
  std::string why;
  Error::Numbers numbers{};
};
struct Postpone {  // its ticket waits until others give back what they hold; said once
  TicketId ticket;
  std::string model;
  std::string why;
  Error::Numbers numbers{};
};
struct Load {
  std::string model;
};
struct Evict {
  std::string model;
  std::string whom_for;  // empty: idle for its time to live, or asked to go
};
struct Preempt {  // that lease is asked to give way; it says so with give_way(), or ends
  TicketId lease;
  std::string model;
  TicketId whom_for;
};
struct Moved {  // nothing to do: the state has changed
  std::string model;
  ModelState from;
  ModelState to;
};
// Its ticket waits until these models of other processes have gone, or will not; said again and again meanwhile.
struct AskOthers {
  TicketId ticket;
  std::string model;
  std::vector<std::string> offers;  // by their candidates' names; none: it is too early to ask those that are at work
  std::vector<std::pair<device::DeviceId, Bytes>> needs;  // of the model, by memory
};
using Decision = std::variant<Moved, Grant, Refuse, Postpone, Load, Evict, Preempt, AskOthers>;

// The rules, in short. Tickets are served in the order in which they came. Who asks for a ready model gets a slot at
// once, unless the model has been promised away; who was waiting when a model became ready is served before it can go
// again, so that every switch does some work. A model that does not fit beside the resident ones gets the place of the
// smallest sufficient set of unpinned ones: of idle ones where they suffice, else of busy ones, which are drained. Only
// where what it needs beside them is free at this moment: nobody goes for a load that is then refused. What cannot fit
// even with everybody gone is refused at once: for good where our budget is short (over_budget), for now where others
// hold the memory (out_of_device_memory).
//
// Where claims name tenants or priorities, tickets are served in another order: those of a higher priority first, and
// among equals those of the tenant that has had least for its weight (FairShares). A ticket that has waited a minute
// counts as one priority higher, so that nobody waits for ever. A lease may be asked to give way to a ticket of a
// higher priority once it has had its time slice, and to one of its own or a lower priority once that has waited until
// it counts as higher and the lease has been held for a minute: long answers of one priority take turns of a minute,
// with claims or without. Of equals the lease that has been held longest goes. It comes back before all others of its
// own priority.
//
// A model whose load fails for another reason than memory is failed, and so is one that breaks off again and again:
// until the next try is due (1, 5, 30 s after the 1st, 2nd, and each later failure in a row) requests for it are
// refused with what it failed with.
class Dispatcher {
 public:
  using Time = Clock::TimePoint;
  static constexpr std::chrono::milliseconds kTimeSlice{2000};
  explicit Dispatcher(const std::vector<ModelRules>& models, std::chrono::milliseconds time_slice = kTimeSlice);

  // What happened. Unknown models throw Error{usage}; calls out of order Error{internal}.
  TicketId ask(const std::string& model, WhenBusy when_busy, bool needs_slot = true,
               WhenShort when_short = WhenShort::refuse, const Claim& claim = {});
  // Whoever asked waits no more; nothing happens where the ticket has been answered. What was asked for without a slot
  // is the host's own wish by then: a load that has begun goes on.
  void withdraw(TicketId ticket);
  void withdraw_all();                                 // the host ends: nothing is wanted any more
  void give_back(const std::string& model, Time now);  // its longest lease
  // A lease has the number of its ticket. `took`: tokens; empty: as many as was expected.
  void give_back(TicketId lease, Time now, std::optional<double> took = {});
  // It gives its slot up and wants one again, before others of its priority; its model stays for it. The new ticket.
  [[nodiscard]] TicketId give_way(TicketId lease, Time now);
  void pin(const std::string& model, bool pinned);
  void set_time_to_live(const std::string& model, std::optional<std::chrono::milliseconds> idle);  // empty: stays
  // Evict it when it is idle. Where it is being loaded: who asked for that without a slot is refused.
  void let_go(const std::string& model);
  // Another process asks for its memory: it goes when it is idle. At work it is let be, unless `even_at_work`: then it
  // gives no new leases, and who wants it waits for its return. False: it stays.
  [[nodiscard]] bool yield(const std::string& model, bool even_at_work);
  // A file of it was changed under it: no new leases, pinned or not it goes when the last one ends, and who wants it
  // has it loaded anew.
  void outdated(const std::string& model);
  // Its device computes no more: as outdated(), and where that happens again before a lease has ended well, it is
  // failed once it has gone.
  void lost(const std::string& model);
  // Its process has died so often that it is not started again: it goes, and is failed with this until somebody asks
  // for it to be loaded.
  void given_up(const std::string& model, const Error& why);
  void warming(const std::string& model);
  void loaded(const std::string& model, Time now, std::chrono::milliseconds took);
  // Who waits for it is refused with this. Short memory leaves it as it was; else it is failed. A model that is absent
  // could not even be planned.
  void load_failed(const std::string& model, Time now, const Error& error);
  // Its load was stopped, since it was not is_wanted(). Who has asked for it meanwhile has it loaded.
  void load_stopped(const std::string& model);
  // Its load goes no further, since it was planned anew: who waits for it is served by what it takes now.
  void replanned(const std::string& model, std::size_t slots);
  void retry(const std::string& model);  // it is due, where it is failed
  void evicted(const std::string& model, Time now);

  // One more slot for somebody who has that lease: at once or not at all. Nobody who waits for a slot is passed, and a
  // model that has been promised away gets no more work. Since nobody waits for more while holding one, requests that
  // want several cannot wait for each other. Of several tenants that want more of a model, the one comes first that has
  // fewest slots of it for its weight; whoever has not asked for a second wants no more.
  [[nodiscard]] std::optional<TicketId> take_another(TicketId lease, Time now);
  [[nodiscard]] std::optional<TicketId> take_another(const std::string& model, Time now);  // for its longest lease
  // That one, which take_another() gave, should be given back: somebody waits for a slot, the model is to go, or
  // another tenant that wants more has fewer for its weight.
  [[nodiscard]] bool wants_slot_back(TicketId lease, Time now) const;
  // --- the fleet becomes another one (dispatcher_fleet.cpp) ---
  void add(const ModelRules& rules);        // a model that is absent, or one that was retired and is still here
  void set_rules(const ModelRules& rules);  // of one that stays as it is
  // Another model under this name: nothing of the one before is held any more. It is tried at once.
  void renew(const ModelRules& rules);
  // It is no model of the fleet any more: who waits for it is refused, and nobody may ask for it.
  void retire(const std::string& model);
  void forget(const std::string& model);  // throws Error{internal} where its memory is held
  // The budgets, or the number of models, have become smaller: as outdated() for as many models as are too many.
  void shrink(const FreeCapacity& capacity, const EvictionPolicy& policy, Time now);
  [[nodiscard]] bool knows(const std::string& model) const;  // retired ones, too
  [[nodiscard]] std::vector<std::string> retired() const;
  [[nodiscard]] const ModelRules& rules(const std::string& model) const;

  // Everything that can be decided now. The devices have just been looked at.
  [[nodiscard]] std::vector<Decision> decide(const FreeCapacity& capacity, const EvictionPolicy& policy, Time now);
  // Where decide() threw (a policy of somebody's own): who waits for memory is refused with this, and what had been
  // decided before is not lost.
  [[nodiscard]] std::vector<Decision> give_up(ErrorCode code, const std::string& why, Time now);
  // Somebody waits for memory, so the next decide() depends on what is free.
  [[nodiscard]] bool needs_capacity() const;
  // The clock may have been set back: what lies ahead is now, and is not waited for until the clock is there again.
  // decide() does so itself.
  void mend_times(Time now);
  // When decide() should be called even if nothing happens.
  [[nodiscard]] std::optional<Time> next_look() const;

  // It waits for its model, while one is loaded or goes: nothing is decided for it meanwhile.
  [[nodiscard]] bool is_held_up(TicketId ticket) const;

  [[nodiscard]] ModelState state(const std::string& model) const;
  // Somebody waits for it, or the host itself wants it loaded.
  [[nodiscard]] bool is_wanted(const std::string& model) const;
  // What it failed with, while it is failed.
  [[nodiscard]] std::optional<Error> failure(const std::string& model) const;
  [[nodiscard]] std::size_t leases(const std::string& model) const;
  [[nodiscard]] std::size_t leases() const;  // of all models
  [[nodiscard]] const std::string& model_of(TicketId lease) const;
  [[nodiscard]] std::size_t waiting(const std::string& model) const;
  [[nodiscard]] std::size_t waiting() const noexcept { return tickets_.size(); }
  [[nodiscard]] bool is_pinned(const std::string& model) const;
  [[nodiscard]] ModelStanding standing(const std::string& model) const;
  [[nodiscard]] std::optional<std::chrono::milliseconds> time_to_live(const std::string& model) const;
  [[nodiscard]] std::optional<Time> last_used(const std::string& model) const;
  [[nodiscard]] std::vector<std::string> resident() const;
  // How many tickets come before this one, and how long the loads before it may take.
  struct Place {
    std::size_t position = 0;
    std::chrono::milliseconds estimate{};
  };
  [[nodiscard]] Place place_of(TicketId ticket) const;
  void expect_load_time(const std::string& model, std::chrono::milliseconds estimate);

 private:
  struct Model {
    ModelRules rules;
    ModelState state = ModelState::absent;
    bool was_loaded = false;          // swapped out rather than absent when it goes
    bool leaving = false;             // let_go(): evict when idle
    bool yielding = false;            // as leaving, whatever is asked meanwhile
    bool broken = false;              // outdated or lost: evict when idle, whatever is asked meanwhile
    bool evicting = false;            // decided, not yet reported back
    bool retired = false;             // no model of the fleet any more
    bool keeps_loading = false;       // though nobody waits: it was asked for without a slot
    std::size_t failures = 0;         // of loads, in a row
    std::size_t losses = 0;           // of its device, without a lease in between that ended well
    std::optional<Error> given_up{};  // fails with this once it has gone
    std::optional<Error> failure{};
    std::optional<Time> retry_at{};  // empty: when somebody asks for it to be loaded
    std::size_t leases = 0;
    Time last_used{};
    std::chrono::milliseconds load_time{1000};
  };
  struct Ticket {
    TicketId id;
    std::string model;
    WhenBusy when_busy;
    bool needs_slot;
    WhenShort when_short;
    Claim claim{};
    bool boarded = false;               // was waiting when the model became ready
    bool postponed = false;             // was said to be
    bool comes_back = false;            // gave way
    double start = 0;                   // in its tenant's virtual time
    std::optional<Time> since{};        // it was first seen to wait
    std::optional<Time> short_since{};  // and that others hold what it needs
  };
  struct Lease {
    std::string model;
    Claim claim;
    Time since;
    std::optional<Time> asked_to_go{};  // since then
    std::string tenant{};               // in whose name: the claim's, or of one that take_another() gave its request's
    double weight = 1;
    std::optional<Time> wants_more{};  // when it asked for another one and got none, last
  };

  [[nodiscard]] Model& model(const std::string& name);
  [[nodiscard]] const Model& model(const std::string& name) const;
  void move(Model& model, ModelState to);
  void fail(Model& model, Error failure, std::size_t in_a_row, Time now);
  void refuse_failed(Time now);
  void grant_slots(Time now);
  void leave(const Ticket& ticket);
  void order(Time now);
  struct Coming;
  [[nodiscard]] std::map<std::string, Coming> slots_that_come(Time now) const;
  void preempt(Time now);
  [[nodiscard]] std::optional<TicketId> lease_for(const Ticket& ticket, Time now);
  [[nodiscard]] bool is_promised(const std::string& model) const;
  [[nodiscard]] std::size_t held_by(const std::string& tenant, const std::string& model) const;
  [[nodiscard]] bool somebody_has_less(const Lease& than, std::size_t held, Time now) const;
  void make_way(const FreeCapacity& capacity, const EvictionPolicy& policy, Time now);
  // --- dispatcher_neighbours.cpp ---
  struct Victims {
    std::vector<std::string> ours;
    std::vector<std::string> offers;
    bool some_offers_are_at_work = false;
  };
  struct Asked {
    std::string model;  // that waits
    Victims victims;
  };
  enum class Among { idle_ones, all_of_ours, all };  // of others those at work in the last case only
  [[nodiscard]] std::optional<Victims> choose(const Ticket& ticket, const FreeCapacity& capacity,
                                              const EvictionPolicy& policy, Among among, Time now) const;
  [[nodiscard]] std::optional<Victims> victims_for(Ticket& ticket, const FreeCapacity& capacity,
                                                   const EvictionPolicy& policy, Time now);
  [[nodiscard]] bool leaves_room(const Asked& asked, const std::string& later, const FreeCapacity& capacity) const;
  void ask_others(Ticket& ticket, const Victims& victims, const FreeCapacity& capacity, Time now);
  void look_again_by(Time at);
  [[nodiscard]] bool waits_a_little(TicketId id, Time now);
  void begin_load(const std::string& name);
  void turn_away(const Ticket& ticket, const FreeCapacity& capacity, Time now);
  void postpone(const Ticket& ticket, std::string why, Error::Numbers numbers, Time now);
  void drain(const std::vector<std::string>& victims, const std::string& whom_for);
  void evict_idle(Time now);
  void refuse(const Ticket& ticket, ErrorCode code, std::string why, Error::Numbers numbers = {});
  void give_up_loading(Model& model);
  [[nodiscard]] static bool stays(const Model& model);  // pinned, and not on its way out
  [[nodiscard]] static bool is_loading(const Model& model);
  [[nodiscard]] bool idle(const Model& model) const;
  [[nodiscard]] std::optional<Time> goes_at(const Model& model) const;
  [[nodiscard]] bool in_transition() const;
  [[nodiscard]] std::vector<Candidate> candidates(bool idle_only, Time now) const;

  std::map<std::string, Model> models_;
  const std::chrono::milliseconds time_slice_;
  std::deque<Ticket> tickets_;  // oldest first, or in the order of claims
  std::map<TicketId, Lease> leases_;
  FairShares shares_;
  bool has_claims_ = false;         // some ticket came with a claim that orders
  std::optional<Time> preempt_at_;  // a time slice is over then
  TicketId next_ = 1;
  std::vector<Decision> decisions_;
  std::optional<Time> look_again_;                   // somebody waits for what others hold
  std::map<std::string, std::string> draining_for_;  // victim -> newcomer
};

}  // namespace plimsoll::host
