#include "swap_space.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "plan/store.hpp"
#include "run/state_archive.hpp"

#include "swap_folder.hpp"

namespace plimsoll::host {
namespace fs = std::filesystem;

SwapSpace::SwapSpace(SwapLimits limits, memory::Ledger& ledger) : ledger_(ledger), limits_(std::move(limits)) {
  if (limits_.folder.empty()) limits_.folder = fs::path(plan::cache_folder()) / "swap";
}

SwapSpace::~SwapSpace() = default;

SwapFolder& SwapSpace::folder() {
  const MutexLock lock(folder_mutex_);
  if (!folder_) folder_ = std::make_unique<SwapFolder>(limits_.folder);
  return *folder_;
}

namespace {

Bytes tokens_of(const run::SequenceSnapshot& snapshot) {
  return Bytes{snapshot.tokens.size() * sizeof(engine::Token) + snapshot.positions.size() * sizeof(engine::Position) +
               snapshot.spans.size() * sizeof(run::SequenceSnapshot::Span)};
}

constexpr const char* kUnreadable = "its file could not be read, and its pictures cannot be decoded again";

}  // namespace

// Nothing charged: the budget has no room, even with all that is swapped out elsewhere.
memory::Charge SwapSpace::charge_for(Bytes bytes) {
  memory::Charge charge(ledger_, memory::on_the_heap(kOwner, memory::Stage::conversations));
  while (!charge.resize(bytes) && push_out_oldest()) {
  }
  return charge;
}

void SwapSpace::lose(std::uint64_t id, const char* why) {
  log::warn("host", "a swapped-out conversation is lost: {}", why);
  lost_[id] = why;
}

void SwapSpace::put(std::uint64_t id, const run::SequenceSnapshot& tokens_alone, Bytes memory,
                    const std::function<run::SequenceSnapshot()>& save) {
  forget(id);
  // Positions and spans come with the memory.
  const Bytes most = memory + tokens_of(tokens_alone) * 2;
  memory::Charge charge = [&] {
    const MutexLock lock(mutex_);
    return charge_for(most);
  }();
  if (charge.size() == Bytes{}) {
    log::info("host", "no room to swap out {}: the conversation will be decoded again", format_bytes(most));
    return put_tokens(id, tokens_alone);
  }
  try {
    Swapped swapped_out{.snapshot = save(), .charge = std::move(charge)};
    const Bytes kept = swapped_out.snapshot.size() + tokens_of(swapped_out.snapshot);
    const MutexLock lock(mutex_);  // given up before what is thrown here is caught
    if (swapped_out.charge.resize(kept)) return add(id, std::move(swapped_out));
  } catch (const std::exception& error) {
    log::warn("host", "a conversation is swapped out as its tokens alone: {}", error.what());
  }
  charge.clear();
  put_tokens(id, tokens_alone);
}

void SwapSpace::put_tokens(std::uint64_t id, run::SequenceSnapshot tokens_alone) {
  forget(id);
  MutexLock lock(mutex_);
  if (!tokens_alone.is_text())
    return lose(id, "its memory could not be kept, and its pictures cannot be decoded again");
  tokens_alone.memory = {};
  tokens_alone.decoded = 0;
  const Bytes bytes = tokens_of(tokens_alone);
  Swapped swapped_out{.snapshot = std::move(tokens_alone), .charge = charge_for(bytes)};
  if (swapped_out.charge.size() < bytes) return lose(id, "the host's budget has no room for its tokens");
  add(id, std::move(swapped_out));
}

void SwapSpace::drop_memory(std::uint64_t id) {
  std::optional<Entry> entry;
  {
    const MutexLock lock(mutex_);
    if (lost_.contains(id)) return;  // which is told when somebody comes for it
    entry = remove(id);
  }
  if (!entry) return;
  std::error_code ignored;
  if (!entry->file.empty()) fs::remove(entry->file, ignored);
  run::SequenceSnapshot tokens_alone = std::move(entry->swapped_out.snapshot);
  entry.reset();  // what is charged for it is free for them
  put_tokens(id, std::move(tokens_alone));
}

void SwapSpace::set_limits(Bytes memory, Bytes disk) {
  const MutexLock lock(mutex_);
  limits_.memory = memory;
  limits_.disk = disk;
  while (held_.in_memory > limits_.memory && push_out_oldest()) {
  }
}

Bytes SwapSpace::free_memory() const {
  const MutexLock lock(mutex_);
  return saturating_sub(limits_.memory, held_.in_memory);
}

void SwapSpace::put_back(std::uint64_t id, Swapped swapped_out) {
  MutexLock lock(mutex_);
  add(id, std::move(swapped_out));
}

void SwapSpace::add(std::uint64_t id, Swapped swapped_out) {
  const bool has_memory = !swapped_out.snapshot.memory.empty();
  held_.in_memory += swapped_out.snapshot.size();
  held_.tokens += tokens_of(swapped_out.snapshot);
  ++held_.conversations;
  Entries& entries = has_memory ? in_memory_ : elsewhere_;
  entries.push_back({.id = id, .swapped_out = std::move(swapped_out)});
  by_id_[id] = std::prev(entries.end());
  while (held_.in_memory > limits_.memory && push_out_oldest()) {
  }
}

// False: there is nothing left in memory. The lock is given up meanwhile: who wants this one waits.
bool SwapSpace::push_out_oldest() {
  const auto oldest = std::ranges::find(in_memory_, false, &Entry::is_leaving);
  if (oldest == in_memory_.end()) {
    if (in_memory_.empty()) return false;
    moved_.wait(mutex_);
    return true;
  }
  const Bytes size = oldest->swapped_out.snapshot.size();
  const bool has_room = held_.on_disk + size <= limits_.disk;
  if (!has_room) log::info("host", "no room on disk to swap out {}: the tokens alone are kept", format_bytes(size));
  if (has_room) {
    held_.on_disk += size;
    oldest->is_leaving = true;
    mutex_.unlock();
    const bool written = write(*oldest);
    mutex_.lock();
    oldest->is_leaving = false;
    if (written) {
      oldest->file_bytes = size;
    } else {
      held_.on_disk -= size;
      oldest->file.clear();
    }
  }
  keep_tokens_alone(oldest);
  moved_.notify_all();
  return true;
}

// In memory: on disk may lie the rest.
void SwapSpace::keep_tokens_alone(Entries::iterator entry) {
  run::SequenceSnapshot& snapshot = entry->swapped_out.snapshot;
  held_.in_memory -= snapshot.size();
  snapshot.memory = {};
  snapshot.memory.shrink_to_fit();
  (void)entry->swapped_out.charge.resize(tokens_of(snapshot));
  elsewhere_.splice(elsewhere_.end(), in_memory_, entry);
  if (!entry->file.empty()) return;
  snapshot.decoded = 0;
  if (snapshot.is_text()) return;
  const std::uint64_t id = entry->id;
  held_.tokens -= tokens_of(snapshot);
  --held_.conversations;
  by_id_.erase(id);
  elsewhere_.erase(entry);
  lose(id, "its memory could not be kept, and its pictures cannot be decoded again");
}

// The entry is leaving, and nobody else's meanwhile.
bool SwapSpace::write(Entry& entry) {
  try {
    const fs::path file = folder().file_of(entry.id);
    run::write_archive(file, entry.swapped_out.snapshot);
    entry.file = file;
    return true;
  } catch (const std::exception& error) {
    log::warn("host", "a swapped-out conversation could not be written and will be decoded again: {}", error.what());
    return false;
  }
}

std::optional<SwapSpace::Entry> SwapSpace::remove(std::uint64_t id) {
  for (;;) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return std::nullopt;
    if (found->second->is_leaving) {
      moved_.wait(mutex_);
      continue;
    }
    const Entries::iterator place = found->second;
    Entry entry = std::move(*place);
    by_id_.erase(found);
    (entry.swapped_out.snapshot.memory.empty() ? elsewhere_ : in_memory_).erase(place);
    held_.in_memory -= entry.swapped_out.snapshot.size();
    held_.tokens -= tokens_of(entry.swapped_out.snapshot);
    held_.on_disk -= entry.file_bytes;
    --held_.conversations;
    moved_.notify_all();
    return entry;
  }
}

std::optional<SwapSpace::Swapped> SwapSpace::take(std::uint64_t id) {
  MutexLock lock(mutex_);
  if (const auto lost = lost_.find(id); lost != lost_.end()) {
    const std::string why = std::exchange(lost->second, {});
    lost_.erase(lost);
    throw Error(ErrorCode::unsupported, fmt::format("conversation {} begins anew: {}", id, why));
  }
  std::optional<Entry> entry = remove(id);
  if (!entry) return std::nullopt;
  if (!entry->file.empty()) {
    const Bytes whole = entry->file_bytes + entry->swapped_out.charge.size();
    while (!entry->swapped_out.charge.resize(whole) && push_out_oldest()) {
    }
    if (entry->swapped_out.charge.size() < whole && !entry->swapped_out.snapshot.is_text()) {
      leave_on_disk(std::move(*entry));
      throw Error(ErrorCode::over_budget,
                  fmt::format("the host's budget has no room for conversation {} and its pictures now", id));
    }
    lock.unlock();
    read_back(*entry);
  }
  if (entry->swapped_out.snapshot.decoded > 0 || entry->swapped_out.snapshot.is_text())
    return std::move(entry->swapped_out);
  throw Error(ErrorCode::unsupported, fmt::format("conversation {} begins anew: {}", id, kUnreadable));
}

std::optional<SwapSpace::Swapped> SwapSpace::take_for_another(std::uint64_t id) {
  {
    const MutexLock lock(mutex_);
    if (lost_.contains(id)) return std::nullopt;
  }
  try {
    return take(id);
  } catch (const Error& error) {
    log::debug("host", "{}", error.what());
    const MutexLock lock(mutex_);
    if (error.code() == ErrorCode::unsupported) lose(id, kUnreadable);
    return std::nullopt;
  }
}

// As it was before remove(). Its memory is in the file.
void SwapSpace::leave_on_disk(Entry entry) {
  const std::uint64_t id = entry.id;
  held_.tokens += tokens_of(entry.swapped_out.snapshot);
  held_.on_disk += entry.file_bytes;
  ++held_.conversations;
  elsewhere_.push_back(std::move(entry));
  by_id_[id] = std::prev(elsewhere_.end());
}

// Without permission for what is in the file, or where it cannot be read, its tokens are there.
void SwapSpace::read_back(Entry& entry) {
  run::SequenceSnapshot& snapshot = entry.swapped_out.snapshot;
  try {
    if (entry.swapped_out.charge.size() < entry.file_bytes)
      throw Error(ErrorCode::over_budget, "the host's budget has no room for it");
    snapshot = run::read_sequence_archive(entry.file);
  } catch (const std::exception& error) {
    log::warn("host", "a swapped-out conversation could not be read and will be decoded again: {}", error.what());
    snapshot.decoded = 0;
    (void)entry.swapped_out.charge.resize(tokens_of(snapshot));
  }
  std::error_code ignored;
  fs::remove(entry.file, ignored);
}

void SwapSpace::forget(std::uint64_t id) {
  std::optional<Entry> entry;
  {
    MutexLock lock(mutex_);
    lost_.erase(id);
    entry = remove(id);
  }
  std::error_code ignored;
  if (entry && !entry->file.empty()) fs::remove(entry->file, ignored);
}

void SwapSpace::give_way(Bytes wanted) {
  MutexLock lock(mutex_);
  const Bytes goal = saturating_sub(held_.in_memory, wanted);
  while (held_.in_memory > goal && push_out_oldest()) {
  }
}

SwappedBytes SwapSpace::held() const {
  const MutexLock lock(mutex_);
  return held_;
}

}  // namespace plimsoll::host
