// Refusal: the answer "no" to a reservation or an allocation, with its reasons. (A plan that does not fit is refused
// before that: with an Error of the same codes, whose alternatives Runtime::plan() gives.)
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/base/error.hpp>
#include <plimsoll/memory/entry.hpp>

namespace plimsoll::memory {

enum class RefusedBy {
  budget,  // our budget: the device was not asked
  seal,    // the owner is sealed, and its reservation has too little left: the device was not asked
  device,  // the device itself, after budget and seal had let the request through
  others,  // what is free there is promised to other processes: the device was not asked
};

struct Refusal {
  RefusedBy by = RefusedBy::budget;
  device::DeviceId device{};
  std::string owner{};               // who asked
  std::optional<Stage> stage{};      // what for; empty: for a reservation of several stages
  Bytes requested{};                 // on that device
  std::optional<Bytes> available{};  // within the budget, or inside the reservation; empty: a device does not say
  std::optional<Bytes> promised{};   // to other processes, of what is free; where they refuse
  std::optional<Bytes> limit{};      // the budget, or what the owner has reserved there; empty: a device does not say
  std::vector<Entry> largest{};      // the largest entries on that device, at most kLargestShown, largest first

  static constexpr std::size_t kLargestShown = 5;
};

// over_budget, sealed, out_of_device_memory (the device, others).
[[nodiscard]] ErrorCode code_of(RefusedBy by) noexcept;

// A sentence without a full stop: who asked for what, how much there is of it, and who holds most.
[[nodiscard]] std::string to_sentence(const Refusal& refusal);

// The refusal as a failure: what loading, warming up and decoding throw. Its numbers, in bytes, are "requested", and
// "available", "limit" and "promised_to_others" where they are known.
class Refused final : public Error {
 public:
  // `doing` begins the message: "loading 'a'"; empty: the message is the sentence.
  explicit Refused(Refusal refusal, std::string_view doing = {});
  [[nodiscard]] const Refusal& refusal() const noexcept { return refusal_; }

 private:
  Refusal refusal_;
};

}  // namespace plimsoll::memory
