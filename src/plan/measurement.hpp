// Measurement: what a backend took for itself at one complete warm-up, and what several of them come to.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/base/bytes.hpp>

namespace plimsoll::plan {

// State of the driver's cache of compiled pipelines when something was measured.
enum class PipelineCache { none, cold, warm };
[[nodiscard]] std::string_view to_string(PipelineCache cache) noexcept;
[[nodiscard]] std::optional<PipelineCache> pipeline_cache_from_string(std::string_view name);

struct Measurement {
  Bytes bytes;
  PipelineCache cache = PipelineCache::none;
  std::string at{};  // UTC, "2026-11-29T10:00:00.123Z"
  friend bool operator==(const Measurement&, const Measurement&) = default;
};

// The latest so many are kept for one key.
inline constexpr std::size_t kMeasurementsKept = 8;

// What a plan takes of them: of each state of the cache a high quantile (four of five measurements are no larger), so
// that from five on a single one that saw something else's memory does not count; then the larger of the states, since
// nobody knows what the cache will be like. Empty without any. Pure.
[[nodiscard]] std::optional<Bytes> figure_of(const std::vector<Measurement>& measurements);

}  // namespace plimsoll::plan
