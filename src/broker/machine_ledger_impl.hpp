// What a MachineLedger holds: this process's records as they should stand in the file, and what it knows of others.
#pragma once
#include <array>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.hpp"
#include "broker/machine_ledger.hpp"

#include "judging.hpp"
#include "ledger_file.hpp"
#include "process_identity.hpp"
#include "records.hpp"

namespace plimsoll::broker {

// The records of this process are written from here, never read back: whatever happens to the file, the next write
// makes them whole.
struct MachineLedger::Impl {
  // Another process, as its numbers were read last.
  struct Other {
    std::size_t slot = 0;
    Numbers numbers{};
    // Ours for each of its accounts; kNoAccount: we have none of that memory.
    std::array<AccountId, kAccounts> ours{};
    std::uint64_t own_keys = 0;  // how many we had when they were compared
    bool is_known = false;       // its identity could be read
  };

  explicit Impl(OpenOptions options);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] bool is_in_child() const noexcept;
  // False: off, or a forked child of the process that stands here.
  [[nodiscard]] bool has_place() const noexcept PLIMSOLL_REQUIRES(mutex);
  // And its file has not been closed under it; else the next find_place() joins again.
  [[nodiscard]] bool stands() const noexcept PLIMSOLL_REQUIRES(mutex);
  void turn_off(std::string why) noexcept PLIMSOLL_REQUIRES(mutex);

  // --- joining (machine_ledger_joining.cpp) ---
  void join() PLIMSOLL_REQUIRES(mutex);
  [[nodiscard]] bool join_at(const Location& location, std::string& why) PLIMSOLL_REQUIRES(mutex);
  [[nodiscard]] bool stands_there_already() const PLIMSOLL_REQUIRES(mutex);
  [[nodiscard]] bool claim_slot() PLIMSOLL_REQUIRES(mutex);
  [[nodiscard]] bool take_slot(std::size_t candidate) PLIMSOLL_REQUIRES(mutex);
  void publish() noexcept PLIMSOLL_REQUIRES(mutex);  // all records
  void leave() noexcept PLIMSOLL_REQUIRES(mutex);
  // The file at the path is the one that we stand in; else this process joins the one that is there.
  void find_place() noexcept PLIMSOLL_REQUIRES(mutex);

  // --- others (machine_ledger_others.cpp) ---
  void look_at_others() PLIMSOLL_REQUIRES(mutex);
  void mend_index() PLIMSOLL_REQUIRES(mutex);
  void map_accounts(Other& other) PLIMSOLL_REQUIRES(mutex);
  [[nodiscard]] bool is_dead(const Other& other) const PLIMSOLL_REQUIRES(mutex);
  // Those that have died since: their promises end. `free`: of our accounts, where it is known. True: there were some.
  bool notice_deaths(const std::vector<std::optional<Bytes>>& free) PLIMSOLL_REQUIRES(mutex);
  [[nodiscard]] bool lock_soon(std::size_t place) PLIMSOLL_REQUIRES(mutex);
  void bury(Other& other, const std::vector<std::optional<Bytes>>& free) PLIMSOLL_REQUIRES(mutex);
  [[nodiscard]] std::vector<Standing> standings(AccountId account, const Moment& before) const PLIMSOLL_REQUIRES(mutex);

  // --- asking (machine_ledger_asking.cpp) ---
  struct Heard {
    std::size_t slot = 0;
    AskRecord ask{};
  };
  [[nodiscard]] std::vector<Heard> heard() PLIMSOLL_REQUIRES(mutex);  // what others ask of this process now
  [[nodiscard]] bool is_answered(std::uint64_t ask) const PLIMSOLL_REQUIRES(mutex);
  void drop_old_answers() PLIMSOLL_REQUIRES(mutex);

  // The worst of their verdicts, and who of those that ask beside us comes first.
  [[nodiscard]] std::pair<Judgement, std::optional<std::size_t>> judge_all(const Moment& before,
                                                                           std::span<const Want> wants) const
      PLIMSOLL_REQUIRES(mutex);
  // What was announced: granted or withdrawn. Where it throws, it stands still.
  [[nodiscard]] std::expected<void, Short> contest(const Moment& before, std::span<const Want> wants)
      PLIMSOLL_REQUIRES(mutex);
  void write_numbers() noexcept PLIMSOLL_REQUIRES(mutex);
  [[nodiscard]] Number* number(AccountId account) noexcept PLIMSOLL_REQUIRES(mutex);
  void announce(std::span<const Want> wants) noexcept PLIMSOLL_REQUIRES(mutex);
  void withdraw(std::span<const Want> wants) noexcept PLIMSOLL_REQUIRES(mutex);
  void grant(std::span<const Want> wants) noexcept PLIMSOLL_REQUIRES(mutex);

  const OpenOptions options;
  const int forks;  // of this process and its ancestors when this was made
  mutable Mutex mutex;
  std::optional<LedgerFile> file PLIMSOLL_GUARDED_BY(mutex);
  std::string why_off PLIMSOLL_GUARDED_BY(mutex);
  bool is_there_already PLIMSOLL_GUARDED_BY(mutex) = false;
  Location location PLIMSOLL_GUARDED_BY(mutex);
  std::size_t slot PLIMSOLL_GUARDED_BY(mutex) = 0;
  Identity identity PLIMSOLL_GUARDED_BY(mutex);
  Numbers numbers PLIMSOLL_GUARDED_BY(mutex);
  Models models PLIMSOLL_GUARDED_BY(mutex);
  Asks asks PLIMSOLL_GUARDED_BY(mutex);
  Answers answers PLIMSOLL_GUARDED_BY(mutex);
  std::uint64_t asked_so_far PLIMSOLL_GUARDED_BY(mutex) = 0;
  std::vector<MemoryKey> keys PLIMSOLL_GUARDED_BY(mutex);
  std::map<std::size_t, Other> others PLIMSOLL_GUARDED_BY(mutex);  // by slot: those that stand in it now
  // Dead ones whose slot cannot be cleared: a child that one forked still has it, or another process is at it.
  std::set<std::uint64_t> gone PLIMSOLL_GUARDED_BY(mutex);
  bool told_of_damage PLIMSOLL_GUARDED_BY(mutex) = false;
  std::minstd_rand random PLIMSOLL_GUARDED_BY(mutex);
};

struct Moment::Placed {
  std::uint64_t incarnation = 0;
  std::size_t index = 0;  // of the account, as its own process counts
  Before before{};
};

// How often this process or one of its ancestors has been forked since the first ledger was opened.
[[nodiscard]] int forks_so_far() noexcept;
// Closed in forked children, so that the lock on a slot ends with its process.
void close_in_children(int descriptor) noexcept;
void forget_in_children(int descriptor) noexcept;

[[nodiscard]] MemoryKey key_of(const KeyRecord& record);
[[nodiscard]] ShownModel shown(const ModelRecord& record);

}  // namespace plimsoll::broker
