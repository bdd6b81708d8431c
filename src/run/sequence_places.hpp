// sequence_places: which numbers the sequences at work have. Pure. Where sequences have streams of their own, the
// engine computes those together whose numbers follow one another, and the others apart: each part reads all weights.
#pragma once
#include <optional>
#include <vector>

#include "engine/context.hpp"

namespace plimsoll::run {

struct PlaceExchange {
  engine::SequenceId at_work;
  engine::SequenceId other;  // not at work, or nobody's
};

// By number: whether it is at work. Two that are exchanged so that there are fewer parts, or as many with a larger
// largest one, from which a later exchange goes on. Nothing: it is best as it is.
[[nodiscard]] std::optional<PlaceExchange> better_places(const std::vector<bool>& at_work);

}  // namespace plimsoll::run
