#include "plan/measurement.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace plimsoll::plan {
namespace {

constexpr std::array kNames{std::pair{PipelineCache::none, std::string_view("none")},
                            std::pair{PipelineCache::cold, std::string_view("cold")},
                            std::pair{PipelineCache::warm, std::string_view("warm")}};

// The smallest of them that at least four fifths do not exceed.
Bytes high_quantile(std::vector<Bytes> values) {
  std::ranges::sort(values);
  const std::size_t rank = (values.size() * 4 + 4) / 5;  // rounded up
  return values[rank - 1];
}

}  // namespace

std::string_view to_string(PipelineCache cache) noexcept {
  return std::ranges::find(kNames, cache, [](const auto& pair) { return pair.first; })->second;
}

std::optional<PipelineCache> pipeline_cache_from_string(std::string_view name) {
  const auto* const found = std::ranges::find(kNames, name, [](const auto& pair) { return pair.second; });
  return found == kNames.end() ? std::nullopt : std::optional(found->first);
}

std::optional<Bytes> figure_of(const std::vector<Measurement>& measurements) {
  std::optional<Bytes> figure;
  for (const auto& [state, name] : kNames) {
    std::vector<Bytes> values;
    for (const Measurement& one : measurements) {
      if (one.cache == state) values.push_back(one.bytes);
    }
    if (!values.empty()) figure = std::max(figure.value_or(Bytes{}), high_quantile(std::move(values)));
  }
  return figure;
}

}  // namespace plimsoll::plan
