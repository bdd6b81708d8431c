#include "cell_runs.hpp"

#include <algorithm>
#include <utility>

namespace plimsoll::run {

void CellRuns::set_size(std::size_t size, std::uint64_t& families) {
  if (size <= size_) return cut(size);
  const std::size_t more = size - size_;
  if (family_ == 0) {
    family_ = ++families;
    next_ = 0;
  }
  if (!runs_.empty() && runs_.back().family == family_ && runs_.back().first + runs_.back().count == next_)
    runs_.back().count += more;
  else
    runs_.push_back({.family = family_, .first = next_, .count = more});
  next_ += more;
  size_ = size;
}

void CellRuns::cut(std::size_t size) {
  while (size_ > size) {
    const std::size_t gone = std::min(runs_.back().count, size_ - size);
    runs_.back().count -= gone;
    size_ -= gone;
    if (runs_.back().count == 0) runs_.pop_back();
  }
}

void CellRuns::erase(std::size_t first, std::size_t count) {
  std::vector<Run> left;
  std::size_t at = 0;
  for (const Run& run : runs_) {
    const std::size_t begin = std::clamp(first, at, at + run.count) - at;
    const std::size_t end = std::clamp(first + count, at, at + run.count) - at;
    if (begin > 0) left.push_back({.family = run.family, .first = run.first, .count = begin});
    if (end < run.count) left.push_back({.family = run.family, .first = run.first + end, .count = run.count - end});
    at += run.count;
  }
  runs_ = std::move(left);
  size_ = 0;
  for (const Run& run : runs_) size_ += run.count;
}

std::size_t CellRuns::distinct(std::span<const CellRuns* const> all) {
  std::map<std::uint64_t, std::vector<std::pair<std::size_t, std::size_t>>> intervals;  // by family
  for (const CellRuns* one : all) {
    for (const Run& run : one->runs_) intervals[run.family].emplace_back(run.first, run.first + run.count);
  }
  std::size_t sum = 0;
  for (auto& [family, list] : intervals) {
    std::ranges::sort(list);
    std::size_t covered = 0;
    for (const auto& [first, end] : list) {
      sum += end > covered ? end - std::max(first, covered) : 0;
      covered = std::max(covered, end);
    }
  }
  return sum;
}

}  // namespace plimsoll::run
