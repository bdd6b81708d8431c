// FreeCapacity: which models fit together and beside others: what each takes of each device, as a matrix of numbers,
// and what the devices have. The host tells it what they say.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/base/error.hpp>
#include "host/eviction.hpp"
#include "memory/group_owner.hpp"
#include "plan/plan.hpp"

namespace plimsoll::host {

// What this process holds on one device for one owner: a model, or a compute group's compute buffers.
struct Holding {
  std::string owner;
  device::DeviceId device;
  Bytes comes_back;  // free again once the owner is gone: not what a backend keeps, nor pages that were never touched
  Bytes promised;    // the owner's, and not taken yet: it is free, and not for others
};

// A model of another process that may be asked to go. Its candidate's name is like no model's of this fleet.
struct OfferOfOthers {
  Candidate candidate{};
  bool is_at_work = false;  // it has leases: asked only by who has waited a while
  std::vector<std::pair<device::DeviceId, Bytes>> comes_back{};
};

// What the devices say at one moment, with everything in its place. Devices whose memory is the host's are one memory.
struct Moment {
  std::vector<std::pair<device::DeviceId, Bytes>> free;    // as read, with what makes way for any model counted as free
  std::vector<std::pair<device::DeviceId, Bytes>> others;  // what other processes hold, where that is known
  std::vector<std::pair<device::DeviceId, Bytes>> promised_to_others;  // and what they will take: it is not in `free`
  std::vector<Holding> holdings;
  std::vector<OfferOfOthers> offers{};
};

// What is missing for a model now, though the budgets have room for it.
struct Shortage {
  std::string sentence;  // "3.2 GiB needed on Vulkan0, where 1.1 GiB are free; others hold 5 GiB"
  Error::Numbers numbers{};
};

// A value; one thread.
class FreeCapacity {
 public:
  // Readings are those of devices that hold nothing of these models yet; see look_again(). `drafts`: by a model's name
  // that of the model which comes and goes with it. `most_models`: loaded at once, drafts not counted; 0: as many as
  // fit.
  FreeCapacity(std::vector<plan::ModelPlan> models, std::vector<plan::DeviceState> devices,
               std::map<std::string, std::string> drafts = {}, std::size_t most_models = 0);

  // The verdict of each device on these models together, as if nothing else of ours were there but what the devices'
  // `ours` says. A compute group's compute buffers count as soon as one of its models is among them, a draft with its
  // model. Unknown names throw Error{internal}. For what is said and shown; fits() costs less.
  [[nodiscard]] std::vector<plan::DeviceVerdict> judge(const std::vector<std::string>& names) const;
  // As judge(), whatever is free.
  [[nodiscard]] std::vector<plan::DeviceVerdict> judge_by_budgets(const std::vector<std::string>& names) const;
  [[nodiscard]] bool fits(const std::vector<std::string>& names) const;
  [[nodiscard]] std::size_t most_models() const noexcept { return most_models_; }
  [[nodiscard]] bool are_few_enough(std::size_t models) const noexcept {
    return most_models_ == 0 || models <= most_models_;
  }

  // Whether a model can be loaded beside those that stay, once some of those that are loaded have gone: all together
  // are within the budgets, and what it needs is free now or comes back with them. Where no moment was looked at, it
  // must fit as fits() says. Counts up and down, so that one model more or less costs an addition for each device. The
  // capacity outlives it, and does not change meanwhile.
  class Trial final : public EvictionTrial {
   public:
    // `may_go`: loaded, and not among those that stay. Its indices are the candidates', then come those of `offers`.
    // `beside`: another newcomer, both have to find room; empty: there is none.
    Trial(const FreeCapacity& capacity, const std::string& newcomer, const std::vector<std::string>& stay,
          const std::vector<std::string>& may_go, const std::vector<std::size_t>& offers = {},
          const std::string& beside = {});
    void remove(std::size_t candidate) override { shift_candidate(candidate, true); }
    void restore(std::size_t candidate) override { shift_candidate(candidate, false); }
    [[nodiscard]] bool fits() const override;

   private:
    friend class FreeCapacity;
    void shift_candidate(std::size_t candidate, bool goes);
    void shift(std::size_t model, bool goes);
    void shift_group(std::size_t group, bool goes);
    template <class Report>
    void for_each_missing(Report&& report) const;

    const FreeCapacity& capacity_;
    std::size_t count_ = 0;                  // of newcomers and those that stay
    std::vector<std::size_t> may_go_;        // models
    std::vector<std::size_t> offers_;        // of others, at this moment
    std::vector<std::uint64_t> needed_;      // by device: what newcomers take that is not there already
    std::vector<std::uint64_t> total_;       // by device: newcomers and those that stay
    std::vector<std::size_t> members_;       // by compute group: how many of those
    std::vector<std::uint64_t> promised_;    // by memory: to those that stay, and not taken yet
    std::vector<std::uint64_t> comes_back_;  // by memory: with those that have gone
  };
  [[nodiscard]] bool admits(const std::string& newcomer, const std::vector<std::string>& stay,
                            const std::vector<std::string>& gone) const;
  // Where admits() says no though the budgets say yes: what is missing, and who holds it.
  [[nodiscard]] Shortage shortage(const std::string& newcomer, const std::vector<std::string>& stay,
                                  const std::vector<std::string>& gone) const;
  // Of other processes, at this moment. Their indices are the Trial's.
  [[nodiscard]] const std::vector<OfferOfOthers>& offers() const noexcept;
  // What a model takes that is not there already, by the device that stands for each memory.
  [[nodiscard]] std::vector<std::pair<device::DeviceId, Bytes>> needs_of(const std::string& model) const;
  // Charged bytes of these models on all devices.
  [[nodiscard]] Bytes required(const std::vector<std::string>& names) const;

  // What the devices have free now, and how much of what is taken there is these models'.
  void look_again(std::vector<plan::DeviceState> devices, std::optional<Moment> moment = {});
  // Another plan in the place of that model's.
  void replace(const plan::ModelPlan& plan);
  // These in the place of a model and its draft; nothing: it is none of the models any more.
  void exchange(const std::string& model, std::vector<plan::ModelPlan> plans, const std::optional<std::string>& draft);
  // The same devices with other budgets.
  void set_devices(std::vector<plan::DeviceState> devices);
  void set_most_models(std::size_t most_models) noexcept { most_models_ = most_models; }
  // The runtime stage of a model, once it is known better than its plan knew it.
  void set_runtime(const std::string& model, const device::DeviceId& device, plan::RuntimeFigure figure);

  // What a compute group reserves for its compute buffers, under owner_of_group(): of each buffer type what its largest
  // model needs. Models that are too large for the budgets even alone do not count: they will never be loaded.
  [[nodiscard]] std::vector<memory::Ledger::PlannedEntry> compute_buffers_of_group(
      const std::string& compute_group) const;

  // The compute groups of a model and of its draft.
  [[nodiscard]] std::vector<std::string> groups_of(const std::string& model) const;
  // The others whose compute buffers count in its compute group, without what else they take.
  [[nodiscard]] std::vector<plan::ModelPlan> group_members(const std::string& model) const;

  // Why that model, or its draft, cannot be used at all.
  [[nodiscard]] std::optional<Error> unusable(const std::string& name) const;
  [[nodiscard]] const plan::ModelPlan& plan_of(const std::string& name) const;
  [[nodiscard]] const std::vector<plan::ModelPlan>& models() const noexcept { return models_; }
  [[nodiscard]] const std::vector<plan::DeviceState>& devices() const noexcept { return devices_; }

 private:
  using Amounts = std::vector<std::uint64_t>;  // by device, or by memory
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  struct Row {
    Amounts takes;              // by device, without what its compute group holds for it
    std::size_t group = kNone;  // whose compute buffers it shares
    std::size_t draft = kNone;  // comes and goes with it
  };
  struct Held {  // by a model or a compute group; by memory, empty: nothing
    Amounts comes_back;
    Amounts promised;
  };
  // One memory, with the devices that lie in it: a card that two backends offer, the host's.
  struct Memory {
    std::size_t stands_for_it = 0;  // the host, else the first device
    std::vector<std::size_t> devices;
    std::uint64_t promised = 0;  // to all
  };
  struct Missing {
    device::DeviceId device;
    Bytes needed;
    Bytes available;
  };

  [[nodiscard]] std::vector<plan::ModelPlan> chosen(const std::vector<std::string>& names) const;
  [[nodiscard]] std::size_t index_of(const std::string& name) const;
  void lay_out();
  void lay_out_row(std::size_t model);
  void lay_out_moment();
  void lay_out_offers();
  [[nodiscard]] bool is_held(const Held& held) const;
  [[nodiscard]] bool are_within_budgets(const Amounts& total) const;
  [[nodiscard]] bool are_free(const Amounts& total) const;
  [[nodiscard]] std::vector<Missing> missing(const std::string& newcomer, const std::vector<std::string>& stay,
                                             const std::vector<std::string>& gone) const;

  std::vector<plan::ModelPlan> models_;
  std::vector<plan::DeviceState> devices_;
  std::optional<Moment> moment_;
  std::map<std::string, std::string> drafts_;
  std::size_t most_models_ = 0;
  std::vector<plan::ModelPlan> group_plans_;  // one for each compute group: its compute entries and nothing else

  // The matrix: models (and compute groups) by devices, made of what stands above.
  std::map<std::string, std::size_t> index_;  // of models
  std::vector<Row> rows_;
  std::vector<Amounts> group_rows_;
  std::vector<Memory> memories_;
  std::vector<Held> held_;                          // by model, then by compute group; empty: no moment was looked at
  std::vector<Amounts> offered_;                    // by offer: what comes back, by memory
  std::vector<std::optional<std::uint64_t>> free_;  // by device, of the moment
};

using memory::owner_of_group;

// "3.2 GiB needed on Vulkan0, 1.1 GiB too much (budget)", for each device that says no.
[[nodiscard]] std::string why_not(const std::vector<plan::DeviceVerdict>& verdicts);

}  // namespace plimsoll::host
