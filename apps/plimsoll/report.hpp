// report: the JSON of `plimsoll generate --report`, schema "plimsoll.report/1", and writing it whole or not at all.
#pragma once
#include <nlohmann/json.hpp>
#include <vector>

#include "run/generation.hpp"

#include "opening.hpp"

namespace plimsoll::app {

// One run of the request: from submitted to last token.
struct RequestFigures {
  double ms = 0;
  run::GenerationTiming timing;
};

// `requests`: the first, and then those on a cleared sequence.
[[nodiscard]] nlohmann::ordered_json report_json(const Opened& opened, const std::vector<RequestFigures>& requests);

// Every step of every sweep, in the order they ran.
[[nodiscard]] nlohmann::ordered_json warm_up_json(const run::WarmUpReport& report);

[[nodiscard]] double median(std::vector<double> values);

}  // namespace plimsoll::app
