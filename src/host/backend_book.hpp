// BackendBook: what backends go on holding after a model has left: device contexts, compiled pipelines. It belongs to
// no model any more, but it is there, and the next load finds it made.
#pragma once
#include <optional>
#include <vector>

#include <plimsoll/gauge/meter.hpp>
#include <plimsoll/run/memory_books.hpp>

namespace plimsoll::host {

// One thread. The books outlive it.
class BackendBook {
 public:
  // Under this owner it stands in the ledger, as runtime.
  static constexpr const char* kOwner = "backends";

  // Now is the moment before anything: what is there already is not counted. Only accelerators are read: the CPU's
  // backend keeps nothing beyond a context.
  BackendBook(run::MemoryBooks& books, const std::vector<device::DeviceInfo>& devices);
  ~BackendBook();
  BackendBook(const BackendBook&) = delete;
  BackendBook& operator=(const BackendBook&) = delete;

  [[nodiscard]] Bytes held_on(const device::DeviceId& device) const;  // booked there
  // An accelerator's memory is the host's, so that the process's own use of it is read.
  [[nodiscard]] bool reads_host_memory() const;

  // Reads the devices after a model has left and books what is still held beyond what the ledger knows of. Gives the
  // growth since the last time, by device: what that model left behind.
  std::vector<std::pair<device::DeviceId, Bytes>> settle();

 private:
  [[nodiscard]] Bytes known_on(const device::DeviceInfo& memory) const;
  void book(const device::DeviceId& device, Bytes bytes);

  run::MemoryBooks& books_;
  gauge::Meter meter_;
  gauge::Meter::Reading before_;
  std::vector<std::pair<memory::Tag, Bytes>> booked_;
};

}  // namespace plimsoll::host
