// judging: how much of a memory this process may still have, given what everybody's entries say. Pure.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "broker/machine_ledger.hpp"

#include "records.hpp"

namespace plimsoll::broker {

// What had been placed and given back when a Moment was taken.
struct Before {
  std::uint64_t placed = 0;
  std::uint64_t given = 0;
};

// One process's account of the memory.
struct Standing {
  std::size_t slot = 0;
  bool is_own = false;
  bool is_dead = false;  // it asks and promises nothing; what it has taken may be on its way back
  Number now{};
  bool expects_first = false;      // it has waited longer than this process for what others let go
  std::optional<Before> before{};  // empty: it was not there at that moment, or nobody looked
};

// Bytes that are permitted and that a reading may not know of which was taken after that moment and before this one.
// Surely in it are those that had been placed by then and have not been given back since; all others may be in it or
// not, and count.
[[nodiscard]] std::uint64_t not_in_reading(const Number& now, const std::optional<Before>& before) noexcept;

[[nodiscard]] inline std::uint64_t taken(const Number& number) noexcept {
  return number.placed > number.given ? number.placed - number.given : 0;
}

struct Sums {
  std::uint64_t promised = 0;         // to all, this process included, and perhaps not in the reading
  std::uint64_t promised_to_own = 0;  // of it
  std::uint64_t reserved = 0;         // by all, taken or not
  std::uint64_t reserved_by_own = 0;
  std::uint64_t taken_by_others = 0;
  std::uint64_t asking = 0;    // by others
  std::uint64_t expected = 0;  // by others who come first
  std::uint64_t coming_back = 0;
  std::optional<std::size_t> first_asker{};  // of the others that ask, the one with the lowest slot
};
[[nodiscard]] Sums sums_of(std::span<const Standing> standings) noexcept;

// What is asked for or expected included.
[[nodiscard]] std::uint64_t promised_to_others(const Sums& sums) noexcept;
[[nodiscard]] std::uint64_t reserved_by_others(const Sums& sums) noexcept;

enum class Verdict {
  fits,
  contested,  // it fits if what others are asking for is not granted
  short_of,
};
struct Judgement {
  Verdict verdict = Verdict::fits;
  Short why{};  // where it does not fit
};
[[nodiscard]] Judgement judge(const Want& want, const Sums& sums) noexcept;

}  // namespace plimsoll::broker
