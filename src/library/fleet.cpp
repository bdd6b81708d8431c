#include <plimsoll/fleet.hpp>

#include <fmt/format.h>

#include "base/utf8.hpp"
#include "host/fleet.hpp"
#include "run/embedder.hpp"
#include "run/reranker.hpp"

#include "host_state.hpp"
#include "model_state.hpp"
#include "opening.hpp"

namespace plimsoll::library {
namespace {

host::FleetModel host_model(const FleetModel& model) {
  host::FleetModel out{.request = request_of(model.path, model.options),
                       .pinned = model.pinned,
                       .priority = model.priority,
                       .time_to_live = model.time_to_live,
                       .load_at_start = model.load_at_start,
                       .warm_up = depth_of(model.options.warm_up)};
  if (out.request.name.empty()) out.request.name = name_of_file(model.path.string());
  out.request.compute_group = model.compute_group;
  out.isolation.own_process = model.own_process;
  if (model.embeddings) run::plan_for_embeddings(out.request.dry_run, out.request.dry_run.context.pooling);
  if (model.ranking) run::plan_for_ranking(out.request.dry_run);
  if (const auto& draft = model.options.draft) {
    const run::SpeculationParams speculation = speculation_of(*draft);
    out.draft = {.request = run::plan_with_draft(out.request, draft->path.string(), speculation),
                 .speculation = speculation};
  }
  return out;
}

}  // namespace

host::Fleet host_fleet(const Fleet& fleet, const Runtime::State& runtime) {
  host::Fleet out{.budgets = fleet.budgets,
                  .swap = {.memory = fleet.swap_memory, .disk = fleet.swap_disk, .folder = fleet.swap_folder},
                  .keep_in_host = fleet.keep_in_host,
                  .yield_to_foreign = fleet.yield_to_foreign,
                  .most_models = fleet.most_models,
                  .eviction = fleet.eviction,
                  .thresholds = fleet.thresholds};
  for (const FleetModel& model : fleet.models) {
    out.models.push_back(host_model(model));
    out.models.back().place =
        fmt::format("models[{}]", out.models.size() - 1);  // what is declared is refused as a whole
  }
  if (out.budgets.empty()) out.budgets = runtime.budgets;
  host::settle_isolation(out);
  return out;
}

}  // namespace plimsoll::library
