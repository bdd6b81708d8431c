// Room: which models fit together, judged by their plans. Pure: the host tells it what the devices say.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/base/error.hpp>
#include <plimsoll/plan/plan.hpp>

namespace plimsoll::host {

// What this process holds on one device for one owner: a model, or a compute group's compute buffers.
struct Holding {
  std::string owner;
  device::DeviceId device;
  Bytes comes_back;  // free again once the owner is gone: not what a backend keeps, nor pages that were never touched
  Bytes promised;    // the owner's, and not taken yet: it is free, and not for others
};

// What the devices say at one moment, with everything in its place. Devices whose memory is the host's are one memory.
struct Moment {
  std::vector<std::pair<device::DeviceId, Bytes>> free;    // as read, with what makes way for any model counted as free
  std::vector<std::pair<device::DeviceId, Bytes>> others;  // what other processes hold, where that is known
  std::vector<Holding> holdings;
};

// What is missing for a model now, though the budgets have room for it.
struct Shortage {
  std::string sentence;  // "3.2 GiB needed on Vulkan0, where 1.1 GiB are free; others hold 5 GiB"
  Error::Numbers numbers{};
};

// A value; one thread.
class Room {
 public:
  // Readings are those of devices that hold nothing of these models yet; see look_again(). `drafts`: by a model's name
  // that of the model which comes and goes with it.
  Room(std::vector<plan::ModelPlan> models, std::vector<plan::DeviceState> devices,
       std::map<std::string, std::string> drafts = {});

  // The verdict of each device on these models together, as if nothing else of ours were there but what the devices'
  // `ours` says. A compute group's compute buffers counts as soon as one of its models is among them, a draft with its
  // model. Unknown names throw Error{internal}.
  [[nodiscard]] std::vector<plan::DeviceVerdict> judge(const std::vector<std::string>& names) const;
  [[nodiscard]] bool fits(const std::vector<std::string>& names) const;
  // As judge(), whatever is free.
  [[nodiscard]] std::vector<plan::DeviceVerdict> judge_by_budgets(const std::vector<std::string>& names) const;

  // Whether a model can be loaded beside those that stay, once these are gone: all together are within the budgets, and
  // what it needs is free now or comes back with them. Where no moment was looked at, fits() decides.
  [[nodiscard]] bool admits(const std::string& newcomer, const std::vector<std::string>& stay,
                            const std::vector<std::string>& gone) const;
  // Where admits() says no though the budgets say yes: what is missing, and who holds it.
  [[nodiscard]] Shortage shortage(const std::string& newcomer, const std::vector<std::string>& stay,
                                  const std::vector<std::string>& gone) const;
  // Charged bytes of these models on all devices.
  [[nodiscard]] Bytes required(const std::vector<std::string>& names) const;

  // What the devices have free now, and how much of what is taken there is these models'.
  void look_again(std::vector<plan::DeviceState> devices, std::optional<Moment> moment = {}) {
    devices_ = std::move(devices);
    moment_ = std::move(moment);
  }
  // Another plan in the place of that model's.
  void replace(const plan::ModelPlan& plan);
  // The runtime stage of a model, once it is known better than its plan knew it.
  void set_runtime(const std::string& model, const device::DeviceId& device, plan::RuntimeFigure figure);

  // What a compute group reserves for its compute buffers, under owner_of_group(): of each buffer type what its largest
  // model needs. Models that are too large for the budgets even alone do not count: they will never be loaded.
  [[nodiscard]] std::vector<memory::Ledger::PlannedEntry> compute_buffers_of_group(
      const std::string& compute_group) const;

  // The others whose compute buffers count in it, without what else they take.
  [[nodiscard]] std::vector<plan::ModelPlan> group_members(const std::string& model) const;

  // Why that model, or its draft, cannot be used at all.
  [[nodiscard]] std::optional<Error> unusable(const std::string& name) const;
  [[nodiscard]] const plan::ModelPlan& plan_of(const std::string& name) const;
  [[nodiscard]] const std::vector<plan::ModelPlan>& models() const noexcept { return models_; }
  [[nodiscard]] const std::vector<plan::DeviceState>& devices() const noexcept { return devices_; }

 private:
  [[nodiscard]] std::vector<plan::ModelPlan> chosen(const std::vector<std::string>& names) const;
  [[nodiscard]] std::vector<std::string> owners_of(const std::vector<std::string>& names) const;
  // What is missing in each memory for that model, and what there would be; empty: nothing.
  struct Missing {
    device::DeviceId device;
    Bytes needed;
    Bytes available;
  };
  [[nodiscard]] std::vector<Missing> missing(const std::string& newcomer, const std::vector<std::string>& stay,
                                             const std::vector<std::string>& gone) const;
  std::vector<plan::ModelPlan> models_;
  std::vector<plan::DeviceState> devices_;
  std::optional<Moment> moment_;
  std::map<std::string, std::string> drafts_;
  std::vector<plan::ModelPlan> group_plans_;  // one for each compute group: its compute entries and nothing else
};

// Under this owner a compute group's compute buffers stands in the ledger: "group:main".
[[nodiscard]] inline std::string owner_of_group(const std::string& compute_group) { return "group:" + compute_group; }

// "3.2 GiB needed on Vulkan0, 1.1 GiB too much (budget)", for each device that says no.
[[nodiscard]] std::string why_not(const std::vector<plan::DeviceVerdict>& verdicts);

}  // namespace plimsoll::host
