// Ledger: every byte, planned beside taken, by device x owner x stage x buffer type.
#pragma once
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/memory/entry.hpp>
#include <plimsoll/memory/refusal.hpp>
#include "memory/reservation.hpp"

namespace plimsoll::memory {

class EventLog;
class OuterLedger;

// A device's account: what may still be placed, judged against its budget.
struct DeviceAccount {
  std::optional<Bytes> budget;  // empty: no budget
  Bytes reserved;               // sum of live reservations (charged tags only)
  Bytes taken;                  // sum of everything placed, reserved or not (charged tags only)
  // What counts against the budget: per owner, the larger of reserved and taken, summed.
  Bytes committed;
};

// Any thread: one internal lock, held while calling the log and the outer ledger, and nothing else.
class Ledger {
 public:
  // Every change is written to `log` too, and asked of `outer`, where they are given; they outlive the ledger and its
  // reservations.
  explicit Ledger(EventLog* log = nullptr, OuterLedger* outer = nullptr);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // No budget means unlimited. Lowering a budget below what is committed is allowed: only later requests are refused.
  void set_budget(const device::DeviceId& device, std::optional<Bytes> budget);

  // From now on the two are one memory with one account and one budget (a card that two backends offer), under either
  // name. Entries keep the name of their device.
  void join(const device::DeviceId& device, const device::DeviceId& memory);
  [[nodiscard]] device::DeviceId memory_of(const device::DeviceId& device) const;

  // Permission to place bytes, all of them or none (the refusal names the first device that is over, and no stage).
  // Entries of one owner on one device are judged as a sum.
  struct PlannedEntry {
    Tag tag;
    Bytes bytes;
  };
  [[nodiscard]] std::expected<Reservation, Refusal> reserve(const std::string& owner,
                                                            const std::vector<PlannedEntry>& entries);

  // Bytes about to be placed. Within the owner's reservation on that device this always succeeds (whatever the stage);
  // beyond it, it must fit within the budget. On success the bytes are counted as taken: charge first, undo on failure.
  [[nodiscard]] std::expected<void, Refusal> take(const Tag& tag, Bytes bytes);
  void give_back(const Tag& tag, Bytes bytes) noexcept;
  // What was taken is there by now; and, before it is given back, that it will be there no more. For other processes,
  // which cannot be promised what a device's reading does not show yet.
  void placed(const Tag& tag, Bytes bytes) noexcept;
  // take() and placed() of bytes that are there already, by a backend's own doing: other processes are told, not asked.
  [[nodiscard]] std::expected<void, Refusal> take_what_is_there(const Tag& tag, Bytes bytes);
  void leaving(const Tag& tag, Bytes bytes) noexcept;

  // What the owner's reservations on that device hold, and how much of it beyond what it has taken there.
  struct Reserved {
    Bytes bytes;
    Bytes unused;
  };
  [[nodiscard]] Reserved reserved(const std::string& owner, const device::DeviceId& device) const;
  // The largest charged entries there, largest first, at most Refusal::kLargestShown.
  [[nodiscard]] std::vector<Entry> largest_on(const device::DeviceId& device) const;

  // Counted and shown, never refused: page cache (mapped weights).
  void note_uncharged(const Tag& tag, Bytes bytes);
  void forget_uncharged(const Tag& tag, Bytes bytes) noexcept;

  [[nodiscard]] std::vector<Entry> entries() const;  // sorted by tag; charged and uncharged
  [[nodiscard]] std::vector<Entry> entries_of(const std::string& owner) const;
  [[nodiscard]] DeviceAccount account(const device::DeviceId& device) const;
  [[nodiscard]] Bytes taken_on(const device::DeviceId& device) const;  // charged
  [[nodiscard]] bool empty() const;                                    // nothing reserved, nothing taken

  // Between these two no other thread has its lock, so that the process may be forked. Nothing else is called then.
  void hold() const;
  void let_go() const;

  struct State;  // src/memory/ledger_state.hpp

 private:
  friend class Reservation;
  enum class Whether { about_to_be, is };  // there
  [[nodiscard]] std::expected<void, Refusal> take(const Tag& tag, Bytes bytes, Whether there);
  std::shared_ptr<State> state_;  // shared with reservations, which may outlive the ledger
};

}  // namespace plimsoll::memory
