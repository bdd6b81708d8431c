// ledger_history: random histories of a ledger, played against accounting kept in the simplest way there is.
#pragma once
#include <rapidcheck.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "memory/ledger.hpp"

namespace plimsoll::memory {

enum class Act { set_budget, reserve, resize, release, take, give_back, note_uncharged, forget_uncharged };

struct Step {
  Act act = Act::take;
  Tag tag;
  std::uint64_t bytes = 0;
  std::size_t pick = 0;  // which of the live reservations or allocations
};
std::ostream& operator<<(std::ostream& out, const Step& step);

[[nodiscard]] rc::Gen<std::vector<Step>> steps();

// Takes every step on the ledger and on the naive accounting, and asserts (RC_ASSERT) that they agree after each.
class History {
 public:
  explicit History(Ledger& ledger) : ledger_(ledger) {}
  void play(const std::vector<Step>& steps);
  // Releases and gives back all that is left.
  void wind_up();

 private:
  using Amounts = std::map<Tag, std::uint64_t>;
  struct Held {
    Reservation reservation;
    Amounts entries;
  };
  struct Placed {
    Tag tag;
    std::uint64_t bytes = 0;
  };

  void step(const Step& step);
  void set_budget(const Step& step);
  void reserve(const Step& step);
  void resize(const Step& step);
  void take(const Step& step);
  // By the definition: per owner the larger of reserved and taken, summed; with `more` on top.
  [[nodiscard]] std::uint64_t committed(const device::DeviceId& device, const Amounts& more_reserved = {},
                                        const Amounts& more_taken = {}) const;
  [[nodiscard]] bool may(const device::DeviceId& device, std::uint64_t committed_after) const;
  void check_refusal(const Refusal& over, const device::DeviceId& device, std::uint64_t requested) const;
  void check_accounting() const;

  Ledger& ledger_;
  std::map<device::DeviceId, std::uint64_t> budgets_;
  std::vector<Held> held_;
  std::vector<Placed> placed_;
  std::vector<Placed> uncharged_;
  std::map<Tag, Counter> taken_;
  std::map<Tag, std::uint64_t> allocations_;
};

}  // namespace plimsoll::memory
