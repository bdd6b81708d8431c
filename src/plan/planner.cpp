#include <plimsoll/plan/planner.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include <plimsoll/base/log.hpp>
#include <plimsoll/plan/ladder.hpp>

#include "runtime_estimate.hpp"

namespace plimsoll::plan {
namespace {

constexpr std::size_t kMostAlternatives = 3;
constexpr int kMostSurveysPerSearch = 64;

// With several accelerators and no split given, the engine splits by free memory: tomorrow's answer may differ.
bool may_be_remembered(const gauge::SurveyRequest& request, const std::vector<gauge::DeviceView>& devices) {
  const auto accelerators = std::ranges::count_if(
      devices, [](const gauge::DeviceView& view) { return view.info.type != device::DeviceType::cpu; });
  return accelerators <= 1 || !request.model.tensor_split.empty() || request.model.devices.size() == 1;
}

// The rung gives up all that the alternative does, or more: who has the one needs not hear of the other.
bool gives_up_no_less(const Rung& rung, const Alternative& alternative) {
  return std::ranges::all_of(alternative.changes, [&](const Change& given_up) {
    return std::ranges::contains(rung.changes, given_up.param, &Change::param);
  });
}

// The weights of one kind of load alone are too much: nothing that leaves them where they are can help.
class TooHeavy {
 public:
  explicit TooHeavy(const std::vector<DeviceState>& states) : states_(states) {}

  void look_at(ModelPlan model) {
    std::erase_if(model.lines, [](const Line& line) { return line.stage != memory::Stage::weights; });
    if (!std::ranges::all_of(admit({model}, states_), &DeviceVerdict::fits)) {
      known_.push_back(std::move(model.request.model));
    }
  }
  [[nodiscard]] bool knows(const engine::ModelParams& params) const { return std::ranges::contains(known_, params); }

 private:
  const std::vector<DeviceState>& states_;
  std::vector<engine::ModelParams> known_;
};

void check_lines_name_devices(const std::vector<memory::LineRequest>& lines,
                              const std::vector<gauge::DeviceView>& devices) {
  for (const memory::LineRequest& line : lines) {
    const bool known = !line.device || std::ranges::any_of(devices, [&](const gauge::DeviceView& view) {
      return view.info.id == *line.device;
    });
    if (!known) {
      throw Error(
          ErrorCode::usage,
          fmt::format("a line was asked for on '{}', but there is no such device; 'plimsoll devices' lists them",
                      line.device->name()));
    }
  }
}

}  // namespace

const std::vector<gauge::DeviceView>& Planner::devices() {
  if (devices_.empty()) devices_ = surveys_.devices();
  return devices_;
}

std::vector<std::string> Planner::device_names() {
  std::vector<std::string> names;
  for (const gauge::DeviceView& view : devices()) {
    names.push_back(fmt::format("{} {} {}", view.info.id.name(), view.info.description,
                                view.reading.total.value_or(Bytes{}).value()));
  }
  return names;
}

gauge::Survey Planner::survey(const gauge::SurveyRequest& request) {
  if (auto remembered = store_.find_survey(request); remembered && remembered->devices == device_names()) {
    ++remembered_;
    return std::move(remembered->survey);
  }
  gauge::Survey survey = surveys_.survey(request);
  ++made_;
  if (may_be_remembered(request, devices())) store_.keep_survey(request, survey, device_names());
  return survey;
}

RuntimeFigure Planner::runtime_of(const device::DeviceId& device, const gauge::Survey& survey) {
  const auto view =
      std::ranges::find_if(devices(), [&](const gauge::DeviceView& candidate) { return candidate.info.id == device; });
  if (view == devices().end()) return {.bytes = Bytes{}, .source = Source::estimated};
  if (const auto measured = store_.find_runtime(runtime_key(*view, survey))) {
    return {.bytes = *measured, .source = Source::calibrated};
  }
  return {.bytes = estimated_runtime(view->info, survey), .source = Source::estimated};
}

ModelPlan Planner::plan_model(const Request& request) {
  const gauge::Survey answer = survey(request.survey);
  std::vector<std::pair<device::DeviceId, RuntimeFigure>> runtime;
  for (const device::DeviceId& device : computing_devices(answer))
    runtime.emplace_back(device, runtime_of(device, answer));
  return lay_out(request, answer, runtime);
}

std::vector<DeviceState> Planner::states(const PlannerOptions& options) {
  check_lines_name_devices(options.lines, devices());
  std::vector<DeviceState> states;
  for (const gauge::DeviceView& view : devices()) {
    DeviceState state{.info = view.info, .reading = view.reading, .line = {}, .ours = {}};
    state.line = memory::resolve_line(options.lines, view.info, view.reading.total);
    if (state.line && state.line->lowered) {
      log::warn("plan", "the line on {} was above the device and has been lowered to its {}", view.info.id.name(),
                format_bytes(state.line->bytes));
    }
    for (const auto& [device, bytes] : options.ours) {
      if (device == view.info.id) state.ours += bytes;
    }
    states.push_back(std::move(state));
  }
  return states;
}

Plan Planner::plan(const std::vector<Request>& requests, const PlannerOptions& options) {
  const std::vector<DeviceState> found = states(options);
  Plan plan;
  for (const Request& request : requests) plan.models.push_back(plan_model(request));
  plan.devices = admit(plan.models, found, options.sharing);
  if (!plan.fits() && options.alternatives && requests.size() == 1) {
    plan.alternatives = search(requests.front(), plan.models.front().survey, found, kMostAlternatives);
  }
  explain(plan, options.sharing);
  return plan;
}

std::vector<Alternative> Planner::search(const Request& request, const gauge::Survey& asked,
                                         const std::vector<DeviceState>& states, std::size_t most) {
  const Plan refused{.models = {plan_model(request)}, .devices = {}, .alternatives = {}, .explanation = {}};
  const auto verdicts = admit(refused.models, states);
  TooHeavy too_heavy(states);
  too_heavy.look_at(refused.models.front());
  const bool accelerator_is_over = std::ranges::any_of(
      verdicts, [](const DeviceVerdict& verdict) { return !verdict.fits() && !verdict.state.info.id.is_host(); });
  std::vector<Alternative> found;
  int tried = 0;
  for (const Rung& rung : ladder(request.survey, asked, accelerator_is_over)) {
    if (found.size() >= most || tried >= kMostSurveysPerSearch) break;
    if (too_heavy.knows(rung.request.model)) continue;
    if (std::ranges::any_of(found, [&](const Alternative& other) { return gives_up_no_less(rung, other); })) continue;
    ++tried;
    try {
      const ModelPlan model = plan_model({.name = request.name, .survey = rung.request});
      const auto judged = admit({model}, states);
      if (!std::ranges::all_of(judged, &DeviceVerdict::fits)) {
        too_heavy.look_at(model);
        continue;
      }
      Alternative alternative{
          .flags = rung.flags, .changes = rung.changes, .cost = rung.cost, .request = rung.request, .required = {}};
      for (const DeviceVerdict& verdict : judged) {
        if (verdict.required > Bytes{}) alternative.required.emplace_back(verdict.state.info.id, verdict.required);
      }
      found.push_back(std::move(alternative));
    } catch (const Error& error) {  // this model cannot be had that way (a cache type it refuses): the next rung
      log::debug("plan", "a rung of the ladder is not to be had: {}", error.what());
    }
  }
  return found;
}

Plan Planner::fit(const Request& request, const PlannerOptions& options) {
  PlannerOptions quiet = options;
  quiet.alternatives = false;
  Plan asked = plan({request}, quiet);
  if (asked.fits()) return asked;
  asked.alternatives = search(request, asked.models.front().survey, states(options), 1);
  if (asked.alternatives.empty()) return asked;
  const Alternative chosen = asked.alternatives.front();
  Plan fitted = plan({{.name = request.name, .survey = chosen.request}}, quiet);
  for (const Change& change : chosen.changes) {
    fitted.explanation.insert(
        fitted.explanation.begin(),
        fmt::format("fit: {} changed from {} to {} ({})", change.param, change.from, change.to, chosen.cost));
  }
  return fitted;
}

void Planner::explain(Plan& plan, Sharing sharing) const {
  for (const ModelPlan& model : plan.models) {
    const engine::ContextFacts& context = model.survey.context;
    plan.explanation.push_back(
        fmt::format("{}: {} tokens of context asked of the engine, {} made: {} for each of {} sequences", model.name,
                    model.request.context.n_ctx ? std::to_string(*model.request.context.n_ctx) : "default",
                    context.n_ctx, context.n_ctx_seq, context.n_seq_max));
    for (const Line& line : model.lines) {
      std::string why;
      if (!line.charged)
        why = "page cache over the mapped file, held against no line";
      else if (line.source == Source::exact)
        why = "asked of the engine without taking it; the same call that will take it";
      else if (line.source == Source::calibrated)
        why = "measured at an earlier warm-up on this device, driver and engine";
      else
        why = "a rule of thumb for this backend until a warm-up has measured it";
      plan.explanation.push_back(fmt::format("{}: {} of {} on {} ({}): {}", model.name, format_bytes(line.bytes),
                                             memory::to_string(line.stage), line.device.name(), line.buffer, why));
    }
  }
  if (plan.models.size() > 1) {
    plan.explanation.emplace_back(
        sharing == Sharing::turns
            ? "models that take turns share compute buffers: on each device the largest counts, not the sum"
            : "these models work between each other's steps, so each has compute buffers of its own");
  }
  for (const DeviceVerdict& verdict : plan.devices) {
    const DeviceState& state = verdict.state;
    plan.explanation.push_back(fmt::format(
        "{}: required {}, line {}, ours already {}, free {} (from {}): {}", state.info.id.name(),
        format_bytes(verdict.required), state.line ? format_bytes(state.line->bytes) : "none", format_bytes(state.ours),
        state.reading.free ? format_bytes(*state.reading.free) : "unknown", state.reading.source,
        verdict.fits() ? "fits"
                       : fmt::format("short by {} ({})", format_bytes(verdict.short_by), to_string(*verdict.limit))));
  }
}

}  // namespace plimsoll::plan
