// Instance: the planned adapters, and how much of each is in what is computed.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <plimsoll/base/error.hpp>
#include "run/instance.hpp"

namespace plimsoll::run {

void Instance::require_adapter_scales(std::span<const float> scales) const {
  if (scales.empty()) return;
  const std::size_t planned = plan_.request.adapters.size();
  if (scales.size() != planned) {
    throw Error(ErrorCode::usage,
                fmt::format("'{}' has {} adapters, {} scales were given", plan_.name, planned, scales.size()));
  }
  if (!std::ranges::all_of(scales, [](float scale) { return std::isfinite(scale); }))
    throw Error(ErrorCode::usage, "the scale of an adapter is not a number");
}

void Instance::set_adapter_scales(std::span<const float> scales) {
  if (scales.empty() && !adapters_.empty())
    throw Error(ErrorCode::usage,
                fmt::format("'{}' has {} adapters, no scale was given", plan_.name, adapters_.size()));
  require_adapter_scales(scales);
  (void)context();
  on_loop([&] {
    for (std::size_t i = 0; i < scales.size(); ++i) adapters_[i].second = scales[i];
    use_adapters({});
  });
}

// An adapter whose scale is 0 is not in the graphs. The warm-up drives them with all adapters in, as they were planned:
// any scales that are set later need no more.
void Instance::set_all_adapters(engine::Context& context) {
  if (adapters_.empty()) return;
  auto all = adapters_;
  for (auto& [adapter, scale] : all) scale = engine::planned_scale(scale);
  context.set_adapters(all);
  scales_in_use_.clear();
}

// On the loop's thread. Before each batch: the engine reserves its graphs again where they differ.
void Instance::use_adapters(std::span<const float> scales) {
  if (adapters_.empty()) return;
  const auto own = [](const auto& adapter) { return adapter.second; };
  const bool is_in_use = scales.empty() ? std::ranges::equal(scales_in_use_, adapters_, {}, {}, own)
                                        : std::ranges::equal(scales_in_use_, scales);
  if (is_in_use) return;
  graphs_have_changed_ = true;
  auto adapters = adapters_;
  for (std::size_t i = 0; i < scales.size(); ++i) adapters[i].second = scales[i];
  context().set_adapters(adapters);
  scales_in_use_.clear();
  for (const auto& [adapter, scale] : adapters) scales_in_use_.push_back(scale);
}

}  // namespace plimsoll::run
