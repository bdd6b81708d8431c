#include <plimsoll/plan/plan.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace plimsoll::plan {

using memory::Stage;

std::string_view to_string(Source source) noexcept {
  switch (source) {
    case Source::exact:
      return "exact";
    case Source::measured:
      return "measured";
    case Source::calibrated:
      return "calibrated";
    case Source::estimated:
      return "estimated";
  }
  return "estimated";
}

std::string_view to_string(Limit limit) noexcept {
  switch (limit) {
    case Limit::line:
      return "line";
    case Limit::free:
      return "free";
    case Limit::host:
      return "host";
  }
  return "line";
}

bool Plan::fits() const noexcept {
  return std::ranges::all_of(devices, [](const DeviceVerdict& device) { return device.fits(); });
}

std::vector<device::DeviceId> computing_devices(const gauge::Survey& survey) {
  std::vector<device::DeviceId> devices;
  for (const gauge::BufferLine& line : survey.lines) {
    if (!line.charged || line.device.is_host() || std::ranges::contains(devices, line.device)) continue;
    devices.push_back(line.device);
  }
  if (devices.empty()) devices.push_back(device::host());
  return devices;
}

ModelPlan lay_out(const Request& request, const gauge::Survey& survey,
                  const std::vector<std::pair<device::DeviceId, RuntimeFigure>>& runtime) {
  ModelPlan model{.name = request.name, .request = request.survey, .survey = survey, .lines = {}, .lane = request.lane};
  for (const gauge::BufferLine& line : survey.lines) {
    model.lines.push_back({.device = line.device,
                           .buffer = line.buffer,
                           .stage = line.stage,
                           .bytes = line.bytes,
                           .source = Source::exact,
                           .charged = line.charged});
  }
  for (const auto& [device, figure] : runtime) {
    if (figure.bytes == Bytes{}) continue;
    model.lines.push_back({.device = device,
                           .buffer = device.name(),
                           .stage = Stage::runtime,
                           .bytes = figure.bytes,
                           .source = figure.source,
                           .charged = true});
  }
  return model;
}

std::map<std::pair<device::DeviceId, std::string>, Bytes> scratch_of(const std::string& lane,
                                                                     const std::vector<ModelPlan>& models) {
  std::map<std::pair<device::DeviceId, std::string>, Bytes> largest;
  for (const ModelPlan& model : models) {
    if (model.lane != lane) continue;
    std::map<std::pair<device::DeviceId, std::string>, Bytes> own;
    for (const Line& line : model.lines) {
      if (line.charged && line.stage == Stage::compute) own[{line.device, line.buffer}] += line.bytes;
    }
    for (const auto& [place, bytes] : own) largest[place] = std::max(largest[place], bytes);
  }
  return largest;
}

Bytes required_on(const device::DeviceId& device, const std::vector<ModelPlan>& models) {
  Bytes sum;
  std::set<std::string> lanes;
  for (const ModelPlan& model : models) {
    if (!model.lane.empty()) lanes.insert(model.lane);
    for (const Line& line : model.lines) {
      const bool shared = !model.lane.empty() && line.stage == Stage::compute;
      if (line.charged && line.device == device && !shared) sum += line.bytes;
    }
  }
  for (const std::string& lane : lanes) {
    for (const auto& [place, bytes] : scratch_of(lane, models)) {
      if (place.first == device) sum += bytes;
    }
  }
  return sum;
}

namespace {

DeviceVerdict judge(const DeviceState& state, Bytes required) {
  DeviceVerdict verdict{.state = state, .required = required, .short_by = {}, .limit = {}};
  if (state.line) {
    const Bytes under_line = saturating_sub(state.line->bytes, state.ours);
    if (required > under_line) {
      verdict.short_by = required - under_line;
      verdict.limit = Limit::line;
    }
  }
  if (state.reading.free && saturating_sub(required, *state.reading.free) > verdict.short_by) {
    verdict.short_by = required - *state.reading.free;
    verdict.limit = Limit::free;
  }
  return verdict;
}

}  // namespace

std::vector<DeviceVerdict> admit(const std::vector<ModelPlan>& models, const std::vector<DeviceState>& devices) {
  std::vector<DeviceVerdict> verdicts;
  Bytes in_host_memory;
  for (const DeviceState& state : devices) {
    const Bytes required = required_on(state.info.id, models);
    verdicts.push_back(judge(state, required));
    if (state.info.memory_is_hosts) in_host_memory += required;
  }
  const auto host = std::ranges::find_if(devices, [](const DeviceState& state) { return state.info.id.is_host(); });
  if (host == devices.end() || !host->reading.free || in_host_memory <= *host->reading.free) return verdicts;
  for (DeviceVerdict& verdict : verdicts) {
    // Each fits alone, but they are the same memory.
    if (!verdict.state.info.memory_is_hosts || !verdict.fits() || verdict.required == Bytes{}) continue;
    verdict.short_by = in_host_memory - *host->reading.free;
    verdict.limit = Limit::host;
  }
  return verdicts;
}

bool each_fits_alone(const Plan& plan) {
  std::vector<DeviceState> states;
  for (const DeviceVerdict& verdict : plan.devices) states.push_back(verdict.state);
  return std::ranges::all_of(plan.models, [&](const ModelPlan& model) {
    return std::ranges::all_of(admit({model}, states), &DeviceVerdict::fits);
  });
}

std::vector<memory::Ledger::Line> reservation_lines(const ModelPlan& model) {
  std::vector<memory::Ledger::Line> lines;
  for (const Line& line : model.lines) {
    if (!line.charged) continue;
    lines.push_back({.tag = {.device = line.device, .owner = model.name, .stage = line.stage, .buffer = line.buffer},
                     .bytes = line.bytes});
  }
  return lines;
}

}  // namespace plimsoll::plan
