// MachineLedger: the one ledger of a machine, as this process sees it and stands in it. It says how much of a memory's
// free bytes is promised to other processes, and promises some to this one, so that no byte is promised twice.
//
// A promise that has been kept (bytes that are placed) is in the device's own reading of what is free, and counts no
// more here; so bytes are announced in this order:
//
//   reserve()              permission, before anything is taken
//   the device is asked
//   placed()               once the device has given them (its reading counts them now)
//   ...
//   leaving()              before they are given back to the device (its reading counts them still)
//   the device gets them
//   release()              the permission ends
//
// There is no daemon, and no lock that a process could die or stop with: docs/decisions/0036-one-ledger.md.
#pragma once
#include <chrono>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include "broker/memory_key.hpp"
#include "broker/moment.hpp"
#include "broker/picture.hpp"

namespace plimsoll::broker {

// Of this process: one memory that it takes from.
using AccountId = std::size_t;

// What this process wants beside what it has reserved already.
struct Want {
  AccountId account = 0;
  Bytes more{};
  std::optional<Bytes> free{};   // the device's reading, taken after the Moment; empty: it does not say
  std::optional<Bytes> limit{};  // how much all processes of the ledger together may have reserved there
};

// Why not.
struct Short {
  AccountId account = 0;
  Bytes requested{};
  Bytes available{};      // for this process
  Bytes promised{};       // of what is free: to other processes, and not taken yet
  Bytes coming_back{};    // of processes that have died lately, and whose memory the device has not got back
  bool by_limit = false;  // all processes together would have more than `limit`; else less is free
};

// What other processes have of one memory.
struct Others {
  Bytes promised{};  // and may not be in a reading that was taken after the Moment
  Bytes reserved{};  // taken or not
  Bytes taken{};
  Bytes coming_back{};  // of dead ones
};

// A model of another process that may go for this one. Amounts are by this process's accounts; memories that it has no
// account of are left out.
struct Offer {
  std::uint64_t process = 0;  // not its pid: a number that no other process ever has
  pid_t pid = 0;
  std::string program{};
  ShownModel model{};
};

// What another process asks of this one.
struct Asked {
  std::uint64_t id = 0;
  std::string model{};
  bool even_at_work = false;  // it is to go once it is idle, and to take no new work
  std::string program{};      // that asks
  pid_t pid = 0;
};

enum class Answer { none, goes, stays, nobody };  // nobody: the process that was asked is not there any more

struct OpenOptions {
  std::string program{};  // what `plimsoll ps` calls this process: "serve", "guard: llama-server"
  // A path (see location.hpp) or "off"; empty: what PLIMSOLL_BROKER says, else the default.
  std::string path{};
  // It stays off where this process stands in the ledger already, by another copy of this part: a guard's beside a
  // program's own.
  bool unless_there = false;
};

// Any thread. A process has one at a time; forked children do not stand in it, and what they call does nothing.
class MachineLedger {
 public:
  // Never throws. Where there is none (turned off, full, another user's, a full disk), everything is granted and
  // nothing is seen of others; why_off() says why, and the log has said it.
  [[nodiscard]] static std::unique_ptr<MachineLedger> open(OpenOptions options = {});
  ~MachineLedger();  // its entry goes: what it holds is promised to it no more
  MachineLedger(const MachineLedger&) = delete;
  MachineLedger& operator=(const MachineLedger&) = delete;

  [[nodiscard]] bool is_on() const noexcept;
  [[nodiscard]] std::string why_off() const;  // a sentence without a full stop; empty: it is on
  [[nodiscard]] std::string path() const;     // empty: it is off

  // The account of that memory, opened where it is new. A process has kMostAccounts of them; what lies beyond has no
  // account: nothing of it is counted.
  [[nodiscard]] AccountId account(const MemoryKey& memory);

  // Before a device is read.
  [[nodiscard]] Moment moment() const;
  [[nodiscard]] Others others(AccountId account, const Moment& before = {}) const;

  // All of them or none. Of two processes that want the same bytes at once, one has them.
  [[nodiscard]] std::expected<void, Short> reserve(const Moment& before, std::span<const Want> wants);
  // Counted, whatever is free: what is there already, since nobody could be asked before.
  void reserve_anyway(AccountId account, Bytes more) noexcept;
  void release(AccountId account, Bytes bytes) noexcept;
  void placed(AccountId account, Bytes bytes) noexcept;
  void leaving(AccountId account, Bytes bytes) noexcept;

  // What `plimsoll ps` shows of this process, and what others may ask to go. In the place of what was shown before.
  void show(std::vector<ShownModel> models) noexcept;
  // --- who is short asks others to let models go (machine_ledger_asking.cpp) ---
  [[nodiscard]] std::vector<Offer> offers() const;
  // Asks for that model of an offer. At most kMostAsks stand at once; the oldest go for more.
  [[nodiscard]] std::uint64_t ask(const Offer& offer, bool even_at_work) noexcept;
  // For as long as this process waits for others to go, what it needs in all is not for those who come later; not
  // longer than this, unless it says so again. What it reserves is taken off.
  void expect(std::span<const Want> wants, std::chrono::milliseconds how_long) noexcept;
  void expect_nothing() noexcept;
  [[nodiscard]] Answer answer_to(std::uint64_t ask) const;
  void forget(std::uint64_t ask) noexcept;
  // What others ask of this process and it has not answered yet; as much as it can answer: the rest is heard when the
  // asks that it has answered have been forgotten.
  [[nodiscard]] std::vector<Asked> asked() const;
  void answer(std::uint64_t ask, bool goes) noexcept;

  // The entry goes before this does: everything is granted from now on, and nothing seen of others. For a process that
  // ends, and has no end of its own that destroys this.
  void leave() noexcept;

  // Mends what somebody has done to the file or to this process's entry in it, and what no call of this process has
  // met yet. For who lives long: once a second or so.
  void mend() noexcept;

  static constexpr std::size_t kMostAccounts = 24;
  static constexpr std::size_t kMostAsks = 16;
  // For each of those in a process who ask: a host, and a model that is opened or grows beside it.
  static constexpr std::size_t kMostAsksOfOne = kMostAsks / 2;
  static constexpr AccountId kNoAccount = static_cast<AccountId>(-1);

 private:
  struct Impl;
  explicit MachineLedger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Everybody's entries, for who only looks. `asked` as in OpenOptions::path. The error is a sentence without a full
// stop; a ledger that nobody has made yet is an empty picture.
[[nodiscard]] std::expected<Picture, std::string> picture_of_machine(const std::string& asked = {});

// For tests: called when a reservation has been announced and not been granted yet; answers the one before.
using Announced = void (*)() noexcept;
Announced exchange_announced(Announced next) noexcept;

}  // namespace plimsoll::broker
