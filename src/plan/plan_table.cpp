#include "plan/plan_table.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/utf8.hpp"
#include "plan/others.hpp"
#include "plan/refusal.hpp"

namespace plimsoll::plan {
namespace {

// " (Vulkan0 : Vulkan1 = 64 : 192)"
std::string split_text(const engine::ModelParams& params) {
  if (params.tensor_split.size() < 2 || params.devices.size() != params.tensor_split.size()) return {};
  return fmt::format(" ({} = {})", fmt::join(params.devices, " : "), fmt::join(params.tensor_split, " : "));
}

std::string model_table(const ModelPlan& model) {
  const engine::ContextFacts& context = model.dry_run.context;
  std::string out =
      fmt::format("{}  {}  ({})\n", model.name, model.dry_run.model.description, as_utf8(model.request.model.path));
  if (!model.weights_of.empty()) out += fmt::format("  with the weights of {}, which count there\n", model.weights_of);
  out += fmt::format(
      "  context {} tokens{}, batch {}, micro-batch {}, KV {}/{}, flash attention {}, {} layers on accelerators{}\n\n",
      context.n_ctx,
      context.n_seq_max > 1 ? fmt::format(" ({} sequences of {})", context.n_seq_max, context.n_ctx_seq) : "",
      context.n_batch, context.n_ubatch, engine::to_string(context.type_k), engine::to_string(context.type_v),
      context.flash_attn ? "on" : "off", model.dry_run.gpu_layers, split_text(model.request.model));
  out += fmt::format("  {:<10} {:<12} {:<9} {:>16} {:>11}  {}\n", "device", "buffer", "stage", "bytes", "", "source");
  for (const Entry& entry : model.entries) {
    out += fmt::format("  {:<10} {:<12} {:<9} {:>16} {:>11}  {}{}\n", entry.device.name(), entry.buffer,
                       memory::to_string(entry.stage), entry.bytes.value(), format_bytes(entry.bytes),
                       to_string(entry.source), entry.charged ? "" : ", page cache: not charged");
  }
  return out + "\n";
}

std::string amount(const std::optional<Bytes>& bytes, const char* absent) {
  return bytes ? format_bytes(*bytes) : absent;
}

std::string device_row(const DeviceVerdict& verdict) {
  const DeviceState& state = verdict.state;
  const auto budget = state.budget ? std::optional(state.budget->bytes) : std::nullopt;
  const std::string judgement =
      verdict.fits() ? "fits"
                     : fmt::format("SHORT BY {} ({})", format_bytes(verdict.short_by), to_string(*verdict.limit));
  return fmt::format("  {:<10} {:>11} {:>11} {:>11} {:>11} {:>11}  {}\n", state.info.id.name(),
                     amount(state.reading.total, "unknown"), amount(state.reading.free, "unknown"),
                     amount(budget, "none"), format_bytes(state.ours), format_bytes(verdict.required), judgement);
}

std::string alternatives_text(const Plan& plan) {
  if (plan.alternatives.empty()) return "  Nothing near it would fit either.\n";
  std::string out = plan.models.size() > 1 ? "  What would fit, for all of them:\n" : "  What would fit:\n";
  for (const Alternative& alternative : plan.alternatives) {
    std::string needs;
    for (const auto& [device, bytes] : alternative.required)
      needs += fmt::format("{}{} on {}", needs.empty() ? "" : ", ", format_bytes(bytes), device.name());
    const std::string flags =
        fmt::format("{}", fmt::join(alternative.flags, " "));  // a width on join() is every element's
    out += fmt::format("    {:<34} {}  ({})\n", flags, needs, alternative.cost);
  }
  return out;
}

// An estimate can be replaced by a measurement or by the caller's figure.
std::string estimates_text(const Plan& plan) {
  if (!plan.stands_on_estimates()) return {};
  std::string out;
  for (const DeviceVerdict& verdict : one_of_each_memory(plan.devices)) {
    if (verdict.fits()) continue;
    out += fmt::format(
        "  Only an estimate of {} stands in the way on {}: `plimsoll calibrate` with the same options measures it, "
        "{} overrules it.\n",
        format_bytes(verdict.estimated), verdict.state.info.id.name(), runtime_flags(verdict, plan.devices));
  }
  return out;
}

bool takes_turns(const Plan& plan) {
  std::set<std::string> compute_groups;
  return std::ranges::any_of(plan.models, [&](const ModelPlan& model) {
    return !model.compute_group.empty() && !compute_groups.insert(model.compute_group).second;
  });
}

std::vector<DeviceState> states_of(const std::vector<DeviceVerdict>& verdicts) {
  std::vector<DeviceState> out;
  for (const DeviceVerdict& verdict : verdicts) out.push_back(verdict.state);
  return out;
}

}  // namespace

std::string models_table(const std::vector<ModelPlan>& models) {
  std::string out;
  for (const ModelPlan& model : models) out += model_table(model);
  return out;
}

std::string to_table(const Plan& plan) {
  std::string out = models_table(plan.models);
  out += fmt::format("  {:<10} {:>11} {:>11} {:>11} {:>11} {:>11}\n", "device", "total", "free", "budget", "ours",
                     "required");
  for (const DeviceVerdict& verdict : plan.devices) {
    out += device_row(verdict);
  }
  for (const DeviceVerdict& verdict : plan.devices) {
    const device::DeviceInfo& info = verdict.state.info;
    if (info.memory_is_hosts && !info.id.is_host())
      out += fmt::format("  {}'s memory is the host's: the two are judged together as well.\n", info.id.name());
    if (info.memory() != info.id)
      out += fmt::format("  {} is the card of {}: what is required of it is what both want.\n", info.id.name(),
                         info.memory().name());
  }
  out += promised_lines(states_of(plan.devices));
  if (takes_turns(plan)) out += "  Compute buffers are shared by models that take turns: the largest counts.\n";
  out += plan.fits() ? "\n  Verdict: fits.\n" : "\n  Verdict: refused.\n";
  if (plan.fits()) return out;
  out += estimates_text(plan);
  out += alternatives_text(plan);
  if (takes_turns(plan) && each_fits_alone(plan))
    out += "  Each fits alone: `plimsoll serve` with the same models lets them take turns.\n";
  return out;
}

}  // namespace plimsoll::plan
