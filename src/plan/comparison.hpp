// Comparison: models of which one is to be chosen, such as the quantisations of one model, side by side.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <vector>

#include "plan/plan.hpp"

namespace plimsoll::tracker {
enum class Mode;
}

namespace plimsoll::plan {

// Each planned alone: only one of them is to be loaded. Nothing planned: `unusable` says why.
struct Compared {
  std::string name;
  Bytes file{};  // what would be downloaded
  std::optional<Plan> plan{};
  std::optional<Error> unusable{};
};

// The largest file whose plan fits; null: none.
[[nodiscard]] const Compared* largest_that_fits(const std::vector<Compared>& compared);

// A row for each, with what it requires of each device, and where it does not fit the nearest alternative.
[[nodiscard]] std::string to_table(const std::vector<Compared>& compared);
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<Compared>& compared, tracker::Mode tracker);

}  // namespace plimsoll::plan
