// ForeignWatch: programs that are not Plimsoll's take memory, and idle models give way to them. Pure: it is told what
// the devices say and which models there are, and answers which of them go and which come back.
#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/device/device.hpp>
#include "host/eviction.hpp"

namespace plimsoll::host {

using AmountsByMemory = std::map<device::DeviceId, Bytes>;  // by the device that stands for each memory

// What a memory's device says at one moment.
struct ForeignUse {
  device::DeviceId memory;
  Bytes free;
  Bytes foreign;  // neither free nor held by any Plimsoll process
};

// A model that is loaded, or on its way in or out.
struct StandingModel {
  Candidate candidate;
  bool may_go = false;     // idle, and not pinned
  bool is_coming = false;  // is being loaded: what the devices say is not what they will say
  bool is_going = false;
  AmountsByMemory comes_back{};  // once it is gone
};

// Rules. `leave` is to stay free of each memory for foreign programs. Where less is free, and they hold more than they
// ever held less of, idle models go: the smallest set that suffices, the least missed first, and no more than what the
// programs have taken. A model goes for a memory that most of it lies in; where all of them together do not suffice,
// all of them go. What went comes back, one at a time and the most missed first, once for ten seconds it would have
// fitted with `leave` left, or the programs have held what they did before. Whoever asks for a model gets it meanwhile
// as ever.
//
// What two looks do not both say is nothing: a program starts, a buffer is charged before it is there. Nor are looks
// used while a model is loaded, and for two seconds after models have come or gone.
class ForeignWatch {
 public:
  using Time = Clock::TimePoint;
  // 0: nothing goes, and what has gone is forgotten.
  void leave(Bytes leave);
  [[nodiscard]] Bytes leave() const noexcept { return leave_; }

  struct Decision {
    std::vector<std::string> go{};
    std::optional<std::string> comes_back{};
  };
  // To be asked about once a second.
  [[nodiscard]] Decision look(const std::vector<ForeignUse>& memories, const std::vector<StandingModel>& models,
                              const EvictionPolicy& policy, Time now);
  // It does not go, since it is at work again; it comes back; or it is no model of the fleet any more. One that could
  // not come back at that moment is tried again.
  void forget(const std::string& model) { away_.erase(model); }

  static constexpr std::chrono::seconds kSettling{2};
  static constexpr std::chrono::seconds kCalm{10};
  // Programs come and go by some megabytes all the time.
  static constexpr Bytes kLeastGrowth{std::uint64_t{256} << 20U};

 private:
  struct Memory {
    std::optional<Bytes> last{};   // foreign, at the look before
    std::optional<Bytes> least{};  // that two looks have said
    std::optional<Bytes> grown{};  // beyond it; empty: nothing is known now
  };
  struct Away {
    StandingModel model;
    std::optional<Time> fits_since{};
  };
  [[nodiscard]] bool is_settled(const std::vector<StandingModel>& models, Time now);
  void note(const ForeignUse& use);
  [[nodiscard]] bool has_grown(const device::DeviceId& memory) const;
  [[nodiscard]] Bytes missing_of(const ForeignUse& use, const std::vector<StandingModel>& models) const;
  [[nodiscard]] Bytes given_of(const device::DeviceId& memory) const;
  void let_go(Decision& decision, const ForeignUse& use, Bytes missing, const std::vector<StandingModel>& models,
              const EvictionPolicy& policy, Time now);
  [[nodiscard]] bool fits(const StandingModel& model, const std::vector<ForeignUse>& memories) const;
  [[nodiscard]] std::optional<std::string> returning(const std::vector<ForeignUse>& memories,
                                                     const EvictionPolicy& policy, Time now);

  Bytes leave_;
  std::map<device::DeviceId, Memory> memories_;
  std::map<std::string, Away> away_;
  std::vector<std::string> there_;  // models, at the look before
  std::optional<Time> settles_at_;
};

}  // namespace plimsoll::host
