// Parking: conversations of models that are not loaded: in host memory, then on disk, then as their tokens alone.
#pragma once
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include <plimsoll/host/fleet.hpp>
#include <plimsoll/run/sequence_snapshot.hpp>

namespace plimsoll::host {

struct ParkedBytes {
  std::size_t conversations = 0;
  Bytes in_memory;
  Bytes on_disk;
};

// The longest parked leave the memory first. What is given back is what was parked; where neither memory nor disk had
// room for it (or the disk failed), only its tokens: `decoded` is 0 then. One thread at a time.
//
// Files belong to the process that wrote them: they are locked while it lives, and those of one that is gone are
// deleted by the next. Each is whole or absent, whatever happens to the process.
class Parking {
 public:
  explicit Parking(ParkingLimits limits);
  ~Parking();  // deletes its files
  Parking(const Parking&) = delete;
  Parking& operator=(const Parking&) = delete;

  // In the place of what was parked under that id.
  void put(std::uint64_t id, run::SequenceSnapshot snapshot);
  // Gives it back and forgets it. Empty: there is none.
  [[nodiscard]] std::optional<run::SequenceSnapshot> take(std::uint64_t id);
  void forget(std::uint64_t id);
  [[nodiscard]] ParkedBytes held() const;

 private:
  struct Car {
    std::uint64_t id;
    run::SequenceSnapshot snapshot;  // without memory where that is in the file
    std::filesystem::path file{};    // empty: not on disk
    Bytes file_bytes{};
  };
  class Folder;
  void make_room();
  void to_disk(Car& car);
  [[nodiscard]] Folder& folder();

  ParkingLimits limits_;
  std::unique_ptr<Folder> folder_;
  std::list<Car> cars_;  // longest parked first
};

}  // namespace plimsoll::host
