#include "reload_json.hpp"

#include <fmt/format.h>

#include "host/fleet_plan.hpp"

namespace plimsoll::server {
namespace {

using api::Json;

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json reason_json(const host::ReloadReason& reason) {
  Json out{{"place", text_or_null(reason.place)},
           {"model", text_or_null(reason.model)},
           {"sentence", reason.sentence},
           {"would_fit", Json::array()}};
  for (const plan::Alternative& alternative : reason.alternatives)
    out["would_fit"].push_back({{"keys", host::keys_of(alternative)}, {"cost", alternative.cost}});
  return out;
}

}  // namespace

Json to_json(const host::ReloadReport& report) {
  const host::FleetDifference& difference = report.difference;
  Json changed = Json::array();
  for (const host::ModelDifference& model : difference.changed)
    changed.push_back({{"model", model.name}, {"keys", model.what}, {"reloads", model.reloads}});
  Json reasons = Json::array();
  for (const host::ReloadReason& reason : report.reasons) reasons.push_back(reason_json(reason));
  return {{"schema", "plimsoll.reload/1"},   {"applied", report.applied},
          {"added", difference.added},       {"changed", std::move(changed)},
          {"removed", difference.removed},   {"unchanged", difference.unchanged},
          {"settings", difference.settings}, {"from_next_start", report.later},
          {"reasons", std::move(reasons)},   {"ms", report.ms}};
}

api::Problem refused_reload(const host::ReloadReport& report) {
  std::string sentence = "the fleet is left as it was";
  if (!report.reasons.empty()) {
    const host::ReloadReason& first = report.reasons.front();
    sentence += fmt::format(": {}{}{}", first.place, first.place.empty() ? "" : ": ", first.sentence);
  }
  return api::Problem(422, "fleet_refused", sentence).with("reload", to_json(report));
}

}  // namespace plimsoll::server
