#include "plan/refusal.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "plan/others.hpp"

namespace plimsoll::plan {
namespace {

bool budget_is_short(const DeviceVerdict& verdict) { return verdict.over_budget > Bytes{}; }

std::string holders(const DeviceVerdict& verdict) {
  if (budget_is_short(verdict)) return {};
  const Bytes others = held_by_others(verdict.state).value_or(Bytes{});
  const std::string promised = promised_text(verdict.state);
  std::string out;
  if (others > Bytes{}) out = fmt::format(": {} are held by others there", format_bytes(others));
  if (!promised.empty()) out += (out.empty() ? ": " : ", and ") + promised;
  return out;
}

}  // namespace

std::string runtime_flags(const DeviceVerdict& verdict, const std::vector<DeviceVerdict>& verdicts) {
  std::string out;
  for (const DeviceVerdict& one : verdicts) {
    if (one.state.info.memory() == verdict.state.info.memory() && one.own_estimated > Bytes{})
      out += fmt::format("{}--runtime {}=SIZE", out.empty() ? "" : " ", one.state.info.id.name());
  }
  return out;
}

Refusal refusal_of(const std::vector<DeviceVerdict>& verdicts) noexcept {
  if (std::ranges::any_of(verdicts, budget_is_short)) return Refusal::over_budget;
  const bool fits = all_fit(verdicts);
  return fits ? Refusal::none : Refusal::out_of_device_memory;
}

std::optional<Bytes> held_by_others(const DeviceState& state) {
  if (!state.reading.total || !state.reading.free) return std::nullopt;
  const Bytes free = *state.reading.free + state.promised_to_others + state.held_back;
  const Bytes used = saturating_sub(*state.reading.total, free);
  return saturating_sub(used, std::max(state.ours, state.reading.used_by_us.value_or(Bytes{})));
}

std::string why_refused(const std::vector<DeviceVerdict>& verdicts) {
  const std::vector<DeviceVerdict> memories = one_of_each_memory(verdicts);
  std::string out;
  for (const DeviceVerdict& verdict : memories) {
    if (verdict.fits()) continue;
    out += fmt::format("{}{} needed on {}, {} too much ({}){}", out.empty() ? "" : "; ", format_bytes(verdict.required),
                       verdict.state.info.id.name(), format_bytes(verdict.short_by), to_string(*verdict.limit),
                       holders(verdict));
    if (verdict.stands_on_estimate())
      out += fmt::format("; only an estimate of {} stands in the way, which a calibration or {} overrules",
                         format_bytes(verdict.estimated), runtime_flags(verdict, verdicts));
  }
  return out;
}

Error refused(const std::string& what, const std::vector<DeviceVerdict>& verdicts) {
  const Refusal kind = refusal_of(verdicts);
  const std::vector<DeviceVerdict> memories = one_of_each_memory(verdicts);
  const auto first = std::ranges::find_if(memories, [&](const DeviceVerdict& verdict) {
    return kind == Refusal::over_budget ? budget_is_short(verdict) : !verdict.fits();
  });
  if (first == memories.end()) return {ErrorCode::internal, what + ", though every device can hold its part"};
  Error::Numbers numbers{{"needed", first->required.value()},
                         {"available", saturating_sub(first->required, first->short_by).value()},
                         {"short_by", first->short_by.value()}};
  if (const auto others = held_by_others(first->state)) numbers.emplace_back("held_by_others", others->value());
  if (const Bytes promised = first->state.promised_to_others; promised > Bytes{})
    numbers.emplace_back("promised_to_others", promised.value());
  return {kind == Refusal::over_budget ? ErrorCode::over_budget : ErrorCode::out_of_device_memory,
          fmt::format("{}: {}", what, why_refused(verdicts)), std::move(numbers)};
}

}  // namespace plimsoll::plan
