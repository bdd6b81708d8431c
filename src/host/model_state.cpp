#include <plimsoll/host/status.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace plimsoll::host {
namespace {

constexpr std::array<std::pair<ModelState, std::string_view>, 7> kNames{{{ModelState::absent, "absent"},
                                                                         {ModelState::loading, "loading"},
                                                                         {ModelState::warming, "warming"},
                                                                         {ModelState::ready, "ready"},
                                                                         {ModelState::draining, "draining"},
                                                                         {ModelState::swapped, "swapped"},
                                                                         {ModelState::failed, "failed"}}};

}  // namespace

std::string_view to_string(ModelState state) noexcept {
  return std::ranges::find(kNames, state, [](const auto& pair) { return pair.first; })->second;
}

bool may_follow(ModelState from, ModelState to) noexcept {
  using enum ModelState;
  switch (from) {
    case absent:
      return to == loading || to == failed;
    case swapped:
      return to == loading || to == absent;
    case failed:
      return to == loading || to == absent;
    case loading:
      return to == warming || to == absent || to == swapped || to == failed;
    case warming:
      return to == ready || to == absent || to == swapped || to == failed;
    case ready:
      return to == draining;
    case draining:
      return to == ready || to == swapped || to == failed;
  }
  return false;
}

}  // namespace plimsoll::host
