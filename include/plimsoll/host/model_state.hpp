// ModelState: where a model of a fleet is on its way between the disk and an answer.
#pragma once
#include <optional>
#include <string_view>

namespace plimsoll::host {

enum class ModelState {
  absent,    // never loaded, or given up: nothing of it is held
  loading,   // memory is reserved; weights and context are being placed
  warming,   // every shape is being driven
  ready,     // sealed: leases are given
  draining,  // on its way out: leases go on, new ones wait
  swapped,   // its memory is given back; its conversations are kept
  failed,    // it could not be loaded, or breaks off again and again: tried again when that is due
};

[[nodiscard]] std::string_view to_string(ModelState state) noexcept;
[[nodiscard]] std::optional<ModelState> model_state_from_string(std::string_view text) noexcept;

// loading and warming may end where they came from (memory was short, the plan is made anew) or in failed; draining may
// be taken back.
[[nodiscard]] bool may_follow(ModelState from, ModelState to) noexcept;

// Its memory is held, or on its way to be.
[[nodiscard]] constexpr bool is_resident(ModelState state) noexcept {
  return state != ModelState::absent && state != ModelState::swapped && state != ModelState::failed;
}

}  // namespace plimsoll::host
