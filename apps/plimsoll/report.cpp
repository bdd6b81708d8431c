#include "report.hpp"

#include <algorithm>

#include "plan/plan_json.hpp"

namespace plimsoll::app {
namespace {

using Json = nlohmann::ordered_json;

Json entries_json(const run::LedgerSnapshot& entries) {
  Json json = Json::array();
  for (const plan::Entry& entry : entries) json.push_back(plan::to_json(entry));
  return json;
}

double per_second(std::int32_t tokens, double ms) { return ms > 0 ? tokens * 1000.0 / ms : 0; }

Json timing_json(const StageFigures& figures, const std::vector<RequestFigures>& requests) {
  std::vector<double> steady;
  std::vector<double> prompt;
  std::vector<double> generated;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const run::GenerationTiming& timing = requests[i].timing;
    if (i > 0) steady.push_back(requests[i].ms);
    prompt.push_back(per_second(timing.prompt_tokens, timing.prompt_ms));
    // The first token comes from the prompt's logits; the others cost a decode each.
    generated.push_back(per_second(std::max(0, timing.generated_tokens - 1), timing.generate_ms));
  }
  const auto known = [](const std::vector<double>& values) {
    return values.empty() ? Json(nullptr) : Json(median(values));
  };
  return {{"load_ms", figures.load_ms},
          {"context_ms", figures.context_ms},
          {"warm_up_ms", figures.warm_up_ms},
          {"first_request_ms", requests.empty() ? Json(nullptr) : Json(requests.front().ms)},
          {"steady_request_ms", known(steady)},
          {"prompt_tokens_per_s", known(prompt)},
          {"generated_tokens_per_s", known(generated)}};
}

}  // namespace

nlohmann::ordered_json warm_up_json(const run::WarmUpReport& report) {
  Json steps = Json::array();
  for (const run::WarmUpStep& step : report.steps) {
    steps.push_back(
        {{"step", step.name}, {"sweep", step.sweep}, {"growth_bytes", step.growth.value()}, {"ms", step.ms}});
  }
  return steps;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

namespace {

Json seal_json(const run::Instance& instance) {
  const memory::SealCounts seal = instance.seal_counts();
  return {{"allocations_after_seal", seal.allocations_after_seal},
          {"refused_after_seal", seal.refused_after_seal},
          {"graph_reallocations", instance.graph_reallocations()}};
}

// How often proposals were right, summed over the requests.
Json draft_json(const run::Instance& draft, const std::vector<RequestFigures>& requests) {
  run::SpeculationCounts counts;
  for (const RequestFigures& request : requests) {
    counts.proposed += request.timing.speculation.proposed;
    counts.accepted += request.timing.speculation.accepted;
  }
  return {{"name", draft.name()},
          {"ledger", {{"end", entries_json(draft.snapshot())}}},
          {"warm_up", warm_up_json(draft.warm_up_report())},
          {"warm_up_complete", draft.warm_up_report().complete()},
          {"seal", seal_json(draft)},
          {"proposed", counts.proposed},
          {"accepted", counts.accepted}};
}

}  // namespace

nlohmann::ordered_json report_json(const Opened& opened, const std::vector<RequestFigures>& requests) {
  const run::Instance& instance = *opened.instance;
  Json json{{"schema", "plimsoll.report/1"},
            {"plan", plan::to_json(opened.plan, tracker::mode())},
            {"ledger",
             {{"after_weights", entries_json(opened.figures.after_weights)},
              {"after_context", entries_json(opened.figures.after_context)},
              {"ready", entries_json(opened.figures.ready)},
              {"end", entries_json(instance.snapshot())}}},
            {"warm_up", warm_up_json(instance.warm_up_report())},
            {"sweeps", instance.warm_up_report().sweeps},
            {"warm_up_complete", instance.warm_up_report().complete()},
            {"seal", seal_json(instance)},
            {"growth_after_ready_bytes", instance.growth_after_ready().value()},
            {"growth_read_from", instance.how_growth_is_read()},
            {"pipeline_cache", to_string(instance.pipeline_cache())},
            {"timing", timing_json(opened.figures, requests)}};
  if (opened.draft) json["draft"] = draft_json(*opened.draft, requests);
  return json;
}

}  // namespace plimsoll::app
