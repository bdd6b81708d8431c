#include "parking.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <plimsoll/base/error.hpp>
#include <plimsoll/base/log.hpp>
#include <plimsoll/plan/store.hpp>
#include <plimsoll/run/state_archive.hpp>

namespace plimsoll::host {
namespace fs = std::filesystem;
namespace {

// Taken for as long as the process lives, however it ends.
class FileLock {
 public:
  explicit FileLock(const fs::path& path) : file_(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)) {
    held_ = file_ >= 0 && flock(file_, LOCK_EX | LOCK_NB) == 0;
  }
  ~FileLock() {
    if (file_ >= 0) close(file_);
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  [[nodiscard]] bool held() const noexcept { return held_; }

 private:
  int file_;
  bool held_ = false;
};

}  // namespace

// A folder of this process inside the one that all share.
class Parking::Folder {
 public:
  explicit Folder(const fs::path& shared) {
    fs::create_directories(shared);
    sweep(shared);
    for (int i = 0; !lock_; ++i) {
      path_ = shared / fmt::format("{}-{}", getpid(), i);
      if (!fs::create_directory(path_)) continue;
      lock_ = std::make_unique<FileLock>(path_ / "lock");
      if (!lock_->held()) lock_.reset();
    }
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] fs::path file_of(std::uint64_t id) const { return path_ / fmt::format("{}.plimsoll", id); }

 private:
  // What processes that are gone have left: their locks went with them.
  static void sweep(const fs::path& shared) {
    for (const fs::directory_entry& entry : fs::directory_iterator(shared)) {
      if (!entry.is_directory() || !fs::exists(entry.path() / "lock")) continue;
      const FileLock lock(entry.path() / "lock");
      std::error_code ignored;
      if (lock.held()) fs::remove_all(entry.path(), ignored);
    }
  }
  fs::path path_;
  std::unique_ptr<FileLock> lock_;
};

Parking::Parking(ParkingLimits limits) : limits_(std::move(limits)) {
  if (limits_.folder.empty()) limits_.folder = fs::path(plan::cache_folder()) / "parked";
}

Parking::~Parking() = default;

Parking::Folder& Parking::folder() {
  if (!folder_) folder_ = std::make_unique<Folder>(limits_.folder);
  return *folder_;
}

void Parking::put(std::uint64_t id, run::SequenceSnapshot snapshot) {
  forget(id);
  cars_.push_back({.id = id, .snapshot = std::move(snapshot)});
  make_room();
}

void Parking::make_room() {
  for (Car& car : cars_) {
    if (held().in_memory <= limits_.memory) return;
    if (!car.snapshot.memory.empty()) to_disk(car);
  }
}

// A conversation is its tokens; what was computed of them can be computed again.
void Parking::to_disk(Car& car) {
  const Bytes size = car.snapshot.size();
  if (held().on_disk + size <= limits_.disk) {
    try {
      const fs::path file = folder().file_of(car.id);
      run::write_archive(file, car.snapshot);
      car.file = file;
      car.file_bytes = size;
    } catch (const std::exception& error) {
      log::warn("host", "a parked conversation could not be written and will be decoded again: {}", error.what());
    }
  } else {
    log::info("host", "no room to park {}: the conversation will be decoded again", format_bytes(size));
  }
  car.snapshot.memory = {};
  car.snapshot.memory.shrink_to_fit();
  if (car.file.empty()) car.snapshot.decoded = 0;
}

std::optional<run::SequenceSnapshot> Parking::take(std::uint64_t id) {
  const auto found = std::ranges::find(cars_, id, &Car::id);
  if (found == cars_.end()) return std::nullopt;
  run::SequenceSnapshot snapshot = std::move(found->snapshot);
  if (!found->file.empty()) {
    try {
      snapshot = run::read_sequence_archive(found->file);
    } catch (const Error& error) {
      log::warn("host", "a parked conversation could not be read and will be decoded again: {}", error.what());
      snapshot.decoded = 0;
    }
  }
  forget(id);
  return snapshot;
}

void Parking::forget(std::uint64_t id) {
  const auto found = std::ranges::find(cars_, id, &Car::id);
  if (found == cars_.end()) return;
  std::error_code ignored;
  if (!found->file.empty()) fs::remove(found->file, ignored);
  cars_.erase(found);
}

ParkedBytes Parking::held() const {
  ParkedBytes sum{.conversations = cars_.size(), .in_memory = {}, .on_disk = {}};
  for (const Car& car : cars_) {
    sum.in_memory += car.snapshot.size();
    sum.on_disk += car.file_bytes;
  }
  return sum;
}

}  // namespace plimsoll::host
