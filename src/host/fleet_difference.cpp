#include "host/fleet_difference.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "options/table.hpp"

namespace plimsoll::host {
namespace {

using Keys = std::vector<std::string>;

// Parameters that change where a model's memory lies, how much of it there is or how fast it is, and nothing that is
// computed in it.
constexpr std::array kComputeTheSame{
    "gpu_layers", "device",    "split_mode", "tensor_split",    "main_gpu",      "tensor_overrides", "cpu_moe",
    "n_cpu_moe",  "load_mode", "n_ctx",      "use_extra_bufts", "check_tensors", "host_buffers",     "n_batch",
    "n_ubatch",   "n_seq_max", "type_k",     "type_v",          "n_outputs_max", "flash_attn",       "offload_kqv",
    "op_offload", "n_threads", "offload",    "n_threads_batch", "context_shift"};

class Comparison {
 public:
  explicit Comparison(ModelDifference& out) : out_(out) {}

  template <class Params>
  void parameters(const Params& before, const Params& after) {
    for (const auto& row : options::rows<Params>()) {
      if (row->to_json(before) == row->to_json(after)) continue;
      if (row->param == "path") continue;  // has a key of another name
      memory(row->key.empty() ? row->param : row->key, std::ranges::contains(kComputeTheSame, row->param)
                                                           ? ConversationsKeep::memory
                                                           : ConversationsKeep::tokens);
    }
  }
  // Of what the model is made of.
  void memory(const std::string& key, bool differs, ConversationsKeep conversations) {
    if (differs) memory(key, conversations);
  }
  // Of what the host or the server does with it.
  void rule(const char* key, bool differs) {
    if (differs) out_.what.emplace_back(key);
  }

 private:
  void memory(const std::string& key, ConversationsKeep conversations) {
    out_.what.push_back(key);
    out_.reloads = true;
    out_.conversations = std::max(out_.conversations, conversations);
  }
  ModelDifference& out_;
};

bool is_same_draft(const std::optional<FleetDraft>& a, const std::optional<FleetDraft>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  return a->request == b->request && a->speculation.most == b->speculation.most &&
         a->speculation.least_probability == b->speculation.least_probability;
}

ModelDifference difference_of(const FleetModel& before, const FleetModel& after) {
  ModelDifference out{.name = after.request.name, .what = {}};
  Comparison compare(out);
  const dry_run::DryRunRequest& old = before.request.dry_run;
  const dry_run::DryRunRequest& now = after.request.dry_run;
  using enum ConversationsKeep;
  compare.memory("path", old.model.path != now.model.path, nothing);
  compare.memory("mmproj", old.projector.path != now.projector.path, tokens);
  compare.memory("lora", old.adapters != now.adapters, tokens);
  compare.memory("control-vector", old.control_vector != now.control_vector, tokens);
  compare.parameters(old.model, now.model);
  compare.parameters(old.projector, now.projector);
  compare.parameters(old.context, now.context);
  compare.memory("model-draft", !is_same_draft(before.draft, after.draft), memory);
  compare.memory("compute-group", before.request.compute_group != after.request.compute_group, memory);
  compare.memory("isolation", before.isolation != after.isolation, memory);
  compare.memory("runtime", before.request.runtime != after.request.runtime, memory);
  compare.rule("pinned", before.pinned != after.pinned);
  compare.rule("priority", before.priority != after.priority);
  compare.rule("time-to-live", before.time_to_live != after.time_to_live);
  compare.rule("load-at-start", before.load_at_start != after.load_at_start);
  compare.rule("warm-up", before.warm_up != after.warm_up);
  compare.rule("aliases", before.aliases != after.aliases);
  compare.rule("tags", before.tags != after.tags);
  compare.rule("chat-template", before.chat_template != after.chat_template);
  compare.rule("template-arguments", before.template_values != after.template_values);
  compare.rule("sampling", before.sampling != after.sampling);
  compare.rule("preset", before.presets != after.presets);
  return out;
}

bool are_same(const std::vector<memory::BudgetRequest>& a, const std::vector<memory::BudgetRequest>& b) {
  const auto amount = [](const memory::BudgetRequest& one) {
    const auto* bytes = std::get_if<Bytes>(&one.amount);
    return bytes != nullptr ? std::pair(static_cast<double>(bytes->value()), true)
                            : std::pair(std::get<memory::Percent>(one.amount).value(), false);
  };
  return std::ranges::equal(a, b, [&](const auto& one, const auto& other) {
    return one.device == other.device && amount(one) == amount(other) && one.shared == other.shared;
  });
}

Keys settings_that_differ(const Fleet& before, const Fleet& after) {
  Keys out;
  const auto differs = [&](const char* key, bool is_other) {
    if (is_other) out.emplace_back(key);
  };
  differs("budgets", !are_same(before.budgets, after.budgets));
  differs("runtime", before.runtime != after.runtime);
  differs("prefault", before.prefault != after.prefault);
  differs("models-max", before.most_models != after.most_models);
  differs("keep-in-host", before.keep_in_host != after.keep_in_host);
  differs("yield-to-foreign", before.yield_to_foreign != after.yield_to_foreign);
  differs("eviction", before.eviction != after.eviction);
  differs("swap.memory", before.swap.memory != after.swap.memory);
  differs("swap.disk", before.swap.disk != after.swap.disk);
  differs("swap.folder", before.swap.folder != after.swap.folder);
  differs("swap.keep-prompts", before.swap.kept != after.swap.kept);
  differs("key", before.keys != after.keys);
  differs("thresholds.warn", before.thresholds.warn != after.thresholds.warn);
  differs("thresholds.high", before.thresholds.high != after.thresholds.high);
  return out;
}

const FleetModel* find(const Fleet& fleet, const std::string& name) {
  const auto found = std::ranges::find(fleet.models, name, [](const FleetModel& one) { return one.request.name; });
  return found == fleet.models.end() ? nullptr : &*found;
}

}  // namespace

FleetDifference difference_of(const Fleet& before, const Fleet& after) {
  FleetDifference out;
  for (const FleetModel& model : after.models) {
    const std::string& name = model.request.name;
    const FleetModel* const old = find(before, name);
    if (old == nullptr) {
      out.added.push_back(name);
      continue;
    }
    ModelDifference difference = difference_of(*old, model);
    if (difference.what.empty())
      out.unchanged.push_back(name);
    else
      out.changed.push_back(std::move(difference));
  }
  for (const FleetModel& model : before.models) {
    if (find(after, model.request.name) == nullptr) out.removed.push_back(model.request.name);
  }
  out.settings = settings_that_differ(before, after);
  return out;
}

}  // namespace plimsoll::host
