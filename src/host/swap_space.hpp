// SwapSpace: conversations of models that are not loaded: in host memory, then on disk, then as their tokens alone.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/mutex.hpp"
#include "host/fleet.hpp"
#include "memory/charge.hpp"
#include "run/sequence_snapshot.hpp"

namespace plimsoll::host {

class SwapFolder;

struct SwappedBytes {
  std::size_t conversations = 0;
  Bytes in_memory;  // states, which make way for whoever needs the host's memory more
  Bytes tokens;     // what stays of every conversation
  Bytes on_disk;
};

// What is swapped out in host memory stands in the ledger and is within the host's budget; it is charged before it is
// made. The longest swapped out leave the memory first: to disk, and where that is full or fails, their tokens alone
// stay (`decoded` is 0 then), to be decoded again. A conversation that cannot even be kept like that (the budget has no
// room for its tokens, or pictures stood between them) is lost, and whoever comes back for it is told so once.
//
// Any thread: one lock, not held while files are written or read. The ledger outlives it.
//
// Files belong to the process that wrote them: they are locked while it lives, and those of one that is gone are
// deleted by the next. Each is whole or absent, whatever happens to the process.
class SwapSpace {
 public:
  // Under this owner it stands in the ledger.
  static constexpr const char* kOwner = "swap";

  SwapSpace(SwapLimits limits, memory::Ledger& ledger);
  ~SwapSpace();  // deletes its files
  SwapSpace(const SwapSpace&) = delete;
  SwapSpace& operator=(const SwapSpace&) = delete;

  // Swaps out what `save` makes, whose memory is that large, in the place of what was swapped out under that id. Where
  // the budget has no room for it, whatever makes way, it is not called; then, and where it throws, only the tokens are
  // swapped out.
  void put(std::uint64_t id, const run::SequenceSnapshot& tokens_alone, Bytes memory,
           const std::function<run::SequenceSnapshot()>& save);
  void put_tokens(std::uint64_t id, run::SequenceSnapshot tokens_alone);

  // A snapshot that is charged for as long as it lives.
  struct Swapped {
    run::SequenceSnapshot snapshot;
    memory::Charge charge;
  };
  // Gives it back and forgets it. Empty: there is none. Throws Error: unsupported once where it was lost, over_budget
  // where its pictures are on disk and there is no room for them now; it stays there.
  [[nodiscard]] std::optional<Swapped> take(std::uint64_t id);
  // The same for who only looks, and puts it back. Empty: it cannot be had now; what is lost is told to its own.
  [[nodiscard]] std::optional<Swapped> take_for_another(std::uint64_t id);
  void put_back(std::uint64_t id, Swapped swapped_out);
  void forget(std::uint64_t id);
  // Its tokens alone stay. Where even they do not, it is lost, which take() tells.
  void drop_memory(std::uint64_t id);
  // From now on; the folder stays. What is beyond them leaves.
  void set_limits(Bytes memory, Bytes disk);
  // What conversations may still take of host memory.
  [[nodiscard]] Bytes free_memory() const;
  // Others need the host's memory: the longest swapped out leave it until that much is free.
  void give_way(Bytes wanted);
  [[nodiscard]] SwappedBytes held() const;

 private:
  struct Entry {
    std::uint64_t id;
    Swapped swapped_out;           // without memory where that is in the file
    std::filesystem::path file{};  // empty: not on disk
    Bytes file_bytes{};
    bool is_leaving = false;  // its memory is being written, without the lock
  };
  using Entries = std::list<Entry>;
  [[nodiscard]] memory::Charge charge_for(Bytes bytes) PLIMSOLL_REQUIRES(mutex_);
  bool push_out_oldest() PLIMSOLL_REQUIRES(mutex_);
  bool write(Entry& entry);
  void keep_tokens_alone(Entries::iterator entry) PLIMSOLL_REQUIRES(mutex_);
  void add(std::uint64_t id, Swapped swapped_out) PLIMSOLL_REQUIRES(mutex_);
  void lose(std::uint64_t id, const char* why) PLIMSOLL_REQUIRES(mutex_);
  [[nodiscard]] std::optional<Entry> remove(std::uint64_t id) PLIMSOLL_REQUIRES(mutex_);
  void read_back(Entry& entry);
  void leave_on_disk(Entry entry) PLIMSOLL_REQUIRES(mutex_);
  [[nodiscard]] SwapFolder& folder();

  memory::Ledger& ledger_;
  mutable Mutex mutex_;
  SwapLimits limits_;  // but for the folder under the lock
  std::condition_variable_any moved_;
  Mutex folder_mutex_;
  std::unique_ptr<SwapFolder> folder_ PLIMSOLL_GUARDED_BY(folder_mutex_);
  Entries in_memory_ PLIMSOLL_GUARDED_BY(mutex_);  // longest swapped out first
  Entries elsewhere_ PLIMSOLL_GUARDED_BY(mutex_);  // on disk, or tokens alone
  std::map<std::uint64_t, Entries::iterator> by_id_ PLIMSOLL_GUARDED_BY(mutex_);
  std::map<std::uint64_t, std::string> lost_ PLIMSOLL_GUARDED_BY(mutex_);  // and why
  SwappedBytes held_ PLIMSOLL_GUARDED_BY(mutex_);
};

}  // namespace plimsoll::host
