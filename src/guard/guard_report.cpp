#include "guard/guard_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <nlohmann/json.hpp>

namespace plimsoll::guard {
namespace {

using Json = nlohmann::ordered_json;

Json engines(const Report& report) {
  Json rows = Json::array();
  for (const EngineRow& row : report.engines) {
    rows.push_back({{"library", row.library},
                    {"ggml", row.ggml},
                    {"llama", row.llama},
                    {"guarded", row.guarded},
                    {"why_not", row.why_not}});
  }
  return rows;
}

Json devices(const Report& report) {
  Json rows = Json::array();
  for (const DeviceRow& row : report.devices) {
    rows.push_back({{"device", row.device.name()},
                    {"description", row.description},
                    {"budget", row.budget ? Json(row.budget->value()) : Json(nullptr)},
                    {"taken", row.taken.value()},
                    {"peak", row.peak.value()}});
  }
  return rows;
}

Json models(const Report& report) {
  Json rows = Json::array();
  for (const ModelRow& row : report.models)
    rows.push_back({{"name", row.name}, {"file", row.file}, {"loaded", row.loaded}});
  return rows;
}

Json warm_up(const ContextRow& row) {
  Json steps = Json::array();
  for (const run::WarmUpStep& step : row.warm_up.steps)
    steps.push_back({{"step", step.name}, {"sweep", step.sweep}, {"growth", step.growth.value()}, {"ms", step.ms}});
  return {{"depth", run::to_string(row.depth)}, {"sweeps", row.warm_up.sweeps},
          {"settled", row.warm_up.settled},     {"reached_depth", row.warm_up.reached_depth},
          {"repeated", row.warm_up.repeated},   {"ms", row.warm_up.ms},
          {"taken", row.warmed.value()},        {"steps", steps}};
}

Json contexts(const Report& report) {
  Json rows = Json::array();
  for (const ContextRow& row : report.contexts) {
    rows.push_back({{"name", row.name},
                    {"model", row.model},
                    {"state", to_string(row.state)},
                    {"why", row.why},
                    {"n_ctx", row.n_ctx},
                    {"n_batch", row.n_batch},
                    {"n_ubatch", row.n_ubatch},
                    {"n_seq_max", row.n_seq_max},
                    {"made", row.made.value()},
                    {"warm_up", warm_up(row)},
                    {"runtime", row.runtime.value()},
                    {"sealed", row.sealed},
                    {"computed", row.computed},
                    {"after_ready",
                     {{"allocations", row.after.allocations_after_seal},
                      {"refused", row.after.refused_after_seal},
                      {"taken", row.taken_after.value()}}}});
  }
  return rows;
}

Json entries(const Report& report) {
  Json rows = Json::array();
  for (const memory::Entry& entry : report.entries) {
    rows.push_back({{"device", entry.tag.device.name()},
                    {"owner", entry.tag.owner},
                    {"stage", memory::to_string(entry.tag.stage)},
                    {"buffer", entry.tag.buffer},
                    {"reserved", entry.planned.value()},
                    {"current", entry.taken.current.value()},
                    {"peak", entry.taken.peak.value()},
                    {"total", entry.taken.total.value()},
                    {"allocations", entry.allocations},
                    {"charged", entry.charged}});
  }
  return rows;
}

std::string of_devices(const Report& report) {
  std::string text;
  for (const DeviceRow& row : report.devices) {
    if (row.peak == Bytes{}) continue;
    text += fmt::format("{}{} on {}", text.empty() ? "" : ", ", format_bytes(row.peak), row.device.name());
    if (row.budget) text += fmt::format(" (budget {})", format_bytes(*row.budget));
  }
  return text.empty() ? "nothing was taken" : "at most " + text;
}

std::string of_context(const ContextRow& row) {
  switch (row.state) {
    case ContextState::refused:
      return fmt::format("'{}' was refused: {}", row.name, row.why);
    case ContextState::not_seen:
      return fmt::format("'{}' was let through: {}", row.name, row.why);
    case ContextState::ready:
    case ContextState::freed:
      break;
  }
  std::string text =
      fmt::format("'{}' took {} to be made and {} in its warm-up ({}, {:.1f} s)", row.name, format_bytes(row.made),
                  format_bytes(row.warmed), run::to_string(row.depth), row.warm_up.ms / 1000);
  if (!row.why.empty()) text += "; " + row.why;
  text +=
      fmt::format("; after it {} in {} allocations", format_bytes(row.taken_after), row.after.allocations_after_seal);
  if (row.after.refused_after_seal > 0) text += fmt::format(", {} refused", row.after.refused_after_seal);
  return text;
}

}  // namespace

std::string_view to_string(ContextState state) noexcept {
  switch (state) {
    case ContextState::ready:
      return "ready";
    case ContextState::refused:
      return "refused";
    case ContextState::freed:
      return "freed";
    case ContextState::not_seen:
      break;
  }
  return "not_seen";
}

// A program's folders and names need not be UTF-8.
std::string to_json(const Report& report) {
  const Json json{
      {"schema", "plimsoll.guard/1"},
      {"name", report.name},
      {"pid", report.pid},
      {"program", report.program},
      {"started", utc_text(report.started)},
      {"written", utc_text(report.written)},
      {"ended", report.ended},
      {"engines", engines(report)},
      {"devices", devices(report)},
      {"models", models(report)},
      {"contexts", contexts(report)},
      {"contexts_left_out", report.contexts_left_out},
      {"allocations", report.allocations},
      {"refused", report.refused},
      {"refusals", report.refusals},
      {"grown_since_ready", report.grown_since_ready ? Json(report.grown_since_ready->value()) : Json(nullptr)},
      {"ledger", entries(report)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::vector<std::string> to_lines(const Report& report) {
  std::vector<std::string> lines;
  const bool guarded = std::ranges::any_of(report.engines, &EngineRow::guarded);
  if (report.engines.empty()) {
    lines.push_back(fmt::format(
        "'{}' used no ggml that could be seen: it has none, or has it linked in so that nobody can stand before it",
        report.name));
    return lines;
  }
  if (!guarded) return lines;  // that was said when the engine was met
  lines.push_back(fmt::format("'{}': {}, in {} allocations, {} refused", report.name, of_devices(report),
                              report.allocations, report.refused));
  for (const ContextRow& row : report.contexts) lines.push_back(of_context(row));
  if (report.contexts_left_out > 0)
    lines.push_back(fmt::format("{} more contexts were made and freed", report.contexts_left_out));
  if (report.grown_since_ready)
    lines.push_back(fmt::format("the devices' readings grew by {} since the last context was ready",
                                format_bytes(*report.grown_since_ready)));
  return lines;
}

}  // namespace plimsoll::guard
