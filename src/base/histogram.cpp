#include "base/histogram.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include <plimsoll/base/error.hpp>

namespace plimsoll {

void Histogram::add(double seconds) noexcept {
  const auto bound = std::ranges::lower_bound(*bounds_, seconds);
  ++counts_[static_cast<std::size_t>(bound - bounds_->begin())];
  sum_ += seconds;
}

void Histogram::merge(const Histogram& other) {
  if (*bounds_ != *other.bounds_) throw Error(ErrorCode::internal, "histograms of different buckets were merged");
  std::ranges::transform(counts_, other.counts_, counts_.begin(), std::plus{});
  sum_ += other.sum_;
}

std::uint64_t Histogram::count() const noexcept {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

}  // namespace plimsoll
