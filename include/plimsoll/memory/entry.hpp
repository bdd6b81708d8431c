// Entry: one entry of the ledger: what one owner holds on one device, in one stage and buffer type.
#pragma once
#include <cstdint>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/memory/tag.hpp>

namespace plimsoll::memory {

// One counted amount. `total` is the sum of everything ever added; `peak` the largest `current` so far.
struct Counter {
  Bytes current;
  Bytes peak;
  Bytes total;
  void add(Bytes bytes);
  void remove(Bytes bytes);  // throws Error{internal} below zero
  friend bool operator==(const Counter&, const Counter&) = default;
};

struct Entry {
  Tag tag;
  Bytes planned;                  // what reservations hold for this tag
  Counter taken;                  // what is really placed
  std::uint64_t allocations = 0;  // how often something was placed
  bool charged = true;            // false: page cache, counted against no budget
  friend bool operator==(const Entry&, const Entry&) = default;
};

}  // namespace plimsoll::memory
