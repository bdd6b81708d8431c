#include "plan/process_entry.hpp"

#include <algorithm>

namespace plimsoll::plan {
namespace {

constexpr Bytes kProcess{std::uint64_t{48} << 20U};

}  // namespace

bool is_of_compute_group(const Entry& entry) noexcept {
  return entry.stage == memory::Stage::compute || entry.buffer == kProcessBuffer;
}

void add_process(ModelPlan& model) {
  if (model.unusable || std::ranges::contains(model.entries, kProcessBuffer, &Entry::buffer)) return;
  model.entries.push_back({.device = device::host(),
                           .buffer = kProcessBuffer,
                           .stage = memory::Stage::runtime,
                           .bytes = kProcess,
                           .source = Source::estimated,
                           .charged = true});
}

}  // namespace plimsoll::plan
