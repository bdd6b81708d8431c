// CellRuns: which cells of a shared cache a sequence's tokens lie in, so that those which copies share count once.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace plimsoll::run {

// Cells have no names at the engine: those that one sequence has decoded are counted from 0 on, in a family of their
// own for each time that it went on by itself. A copy of the runs is a copy of the sequence that shares its cells.
class CellRuns {
 public:
  // The sequence has so many tokens in memory now: those beyond what was known lie in cells of its own.
  void set_size(std::size_t size, std::uint64_t& families);
  void erase(std::size_t first, std::size_t count);  // tokens forgotten in the middle
  // What comes from now on is its own, not the family's: after a copy, for both.
  void part() noexcept { family_ = 0; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] static std::size_t distinct(std::span<const CellRuns* const> all);

 private:
  struct Run {
    std::uint64_t family;
    std::size_t first;
    std::size_t count;
  };
  void cut(std::size_t size);

  std::vector<Run> runs_;
  std::size_t size_ = 0;
  std::uint64_t family_ = 0;  // of what comes next; 0: a new one
  std::size_t next_ = 0;      // cell of it
};

}  // namespace plimsoll::run
