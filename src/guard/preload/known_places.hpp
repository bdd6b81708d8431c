// KnownPlaces: what was found for the code of a library, remembered by the library.
#pragma once
#include <array>
#include <atomic>

namespace plimsoll::guard {

// Reading takes no lock. What does not fit is looked for again each time.
template <class T>
class KnownPlaces {
 public:
  // Null: not known.
  [[nodiscard]] T* find(const void* place) const noexcept {
    for (const Entry& entry : entries_) {
      const void* known = entry.place.load(std::memory_order_acquire);
      if (known == place) return entry.found.load(std::memory_order_relaxed);
      if (known == nullptr) break;
    }
    return nullptr;
  }
  // One thread at a time.
  void remember(const void* place, T* found) noexcept {
    for (Entry& entry : entries_) {
      if (entry.place.load(std::memory_order_relaxed) != nullptr) continue;
      entry.found.store(found, std::memory_order_relaxed);
      entry.place.store(place, std::memory_order_release);
      return;
    }
  }

 private:
  struct Entry {
    std::atomic<const void*> place = nullptr;
    std::atomic<T*> found = nullptr;
  };
  std::array<Entry, 64> entries_;
};

}  // namespace plimsoll::guard
