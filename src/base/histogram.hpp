// Histogram: how many durations were how long, counted in fixed buckets as Prometheus counts them.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

namespace plimsoll {

// A plain value of about 140 bytes; adding takes nothing of the heap. One thread, or its owner's lock.
class Histogram {
 public:
  // Upper bounds of the buckets in seconds, ascending; a bound belongs to its bucket. What is longer than all of them
  // is counted in one more.
  using Bounds = std::array<double, 15>;
  using Counts = std::array<std::uint64_t, std::tuple_size_v<Bounds> + 1>;

  // The bounds outlive it.
  explicit Histogram(const Bounds& bounds) noexcept : bounds_(&bounds) {}
  explicit Histogram(const Bounds&&) = delete;

  void add(double seconds) noexcept;
  // All that another has counted. Throws Error{internal} where its bounds are others.
  void merge(const Histogram& other);

  [[nodiscard]] const Bounds& bounds() const noexcept { return *bounds_; }
  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }  // of each bucket alone
  [[nodiscard]] std::uint64_t count() const noexcept;                      // of all
  [[nodiscard]] double sum() const noexcept { return sum_; }               // seconds

 private:
  const Bounds* bounds_;
  Counts counts_{};
  double sum_ = 0;
};

// From 1 ms to a minute: tokens, and waiting for them.
inline constexpr Histogram::Bounds kUpToAMinute{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                0.5,   1,      2.5,   5,    10,    30,   60};
// From 10 ms to ten minutes: models that come and go.
inline constexpr Histogram::Bounds kUpToTenMinutes{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,  2.5,
                                                   5,    10,    30,   60,  120,  300, 600};

}  // namespace plimsoll
