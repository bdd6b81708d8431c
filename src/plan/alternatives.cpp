#include "plan/alternatives.hpp"

#include <ggml.h>

#include <algorithm>
#include <functional>
#include <tuple>

#include <fmt/format.h>

#include "options/option.hpp"

namespace plimsoll::plan {
namespace {

constexpr std::uint32_t kSmallestMicroBatch = 64;
constexpr std::uint32_t kSmallestContext = 512;

// One kind of step down: changes a candidate, or answers false where there is nothing to gain that way.
using Step = std::function<bool(Candidate&)>;

// Notes a parameter that goes from one value to another, under its flag; `cost`: what that costs, "" where it was said.
void note(Candidate& candidate, std::string_view param, std::string from, std::string to, std::string_view cost) {
  const options::Option option = options::option_of_param(param);
  candidate.flags.push_back(option.flags.front());
  if (option.kind != options::Kind::flag) candidate.flags.push_back(to);
  candidate.changes.push_back({.param = option.param, .from = std::move(from), .to = std::move(to)});
  if (!candidate.cost.empty() && !cost.empty()) candidate.cost += "; ";
  candidate.cost += cost;
}

Step micro_batch(std::uint32_t to) {
  return [to](Candidate& candidate) {
    std::uint32_t& n_ubatch = candidate.request.context.n_ubatch;
    if (n_ubatch <= to) return false;
    note(candidate, "n_ubatch", std::to_string(n_ubatch), std::to_string(to), "slower prompts");
    n_ubatch = to;
    return true;
  };
}

// Of 1024 numbers, whole blocks of every type.
std::size_t bytes_of_block(engine::CacheType type) { return ggml_row_size(static_cast<ggml_type>(type), 1024); }

Step cache_type(engine::CacheType to, std::string_view cost) {
  return [to, cost](Candidate& candidate) {
    engine::ContextParams& context = candidate.request.context;
    if (bytes_of_block(to) >= bytes_of_block(context.type_k)) return false;
    const std::string name(engine::to_string(to));
    note(candidate, "type_k", std::string(engine::to_string(context.type_k)), name, cost);
    note(candidate, "type_v", std::string(engine::to_string(context.type_v)), name, "");
    context.type_k = context.type_v = to;
    return true;
  };
}

Step one_sequence() {
  return [](Candidate& candidate) {
    std::uint32_t& n_seq_max = candidate.request.context.n_seq_max;
    if (n_seq_max <= 1) return false;
    note(candidate, "n_seq_max", std::to_string(n_seq_max), "1", "one request at a time");
    n_seq_max = 1;
    return true;
  };
}

Step experts_to_host() {
  return [](Candidate& candidate) {
    if (candidate.request.model.cpu_moe) return false;
    note(candidate, "cpu_moe", "false", "true", "experts computed on the host: slower");
    candidate.request.model.cpu_moe = true;
    return true;
  };
}

Step host_alone() {
  return [](Candidate& candidate) {
    note(candidate, "device", "accelerator", "none", "everything computed on the host: much slower");
    candidate.request.model.devices = {"none"};
    return true;
  };
}

Step layers(std::int32_t from, std::int32_t to) {
  return [from, to](Candidate& candidate) {
    if (to >= from) return false;
    note(candidate, "gpu_layers", std::to_string(from), std::to_string(to),
         fmt::format("{} of {} layers computed on the host: slower", from - to, from));
    candidate.request.model.gpu_layers = to;
    return true;
  };
}

Step context(std::uint32_t from, std::uint32_t to) {
  return [from, to](Candidate& candidate) {
    if (to >= from) return false;
    note(candidate, "n_ctx", std::to_string(from), std::to_string(to), "a shorter context");
    candidate.request.context.n_ctx = to;
    candidate.request.context.n_batch = std::min(candidate.request.context.n_batch, to);
    candidate.request.context.n_ubatch =
        std::min(candidate.request.context.n_ubatch, candidate.request.context.n_batch);
    return true;
  };
}

// How far a candidate is from what was asked: context first, then quality, then speed.
auto distance(const Candidate& candidate, const dry_run::DryRunRequest& asked, const dry_run::DryRun& dry_run) {
  const engine::ContextParams& now = candidate.request.context;
  // What was asked may be "the model's own" or be padded by the engine: only a candidate that asks for something else
  // has lost any.
  const bool shortened = now.n_ctx != asked.context.n_ctx;
  const double context_lost = shortened ? 1.0 - static_cast<double>(*now.n_ctx) / dry_run.context.n_ctx : 0.0;
  const double sequences_lost = 1.0 - static_cast<double>(now.n_seq_max) / asked.context.n_seq_max;
  const int quality_lost = now.type_k == asked.context.type_k ? 0 : now.type_k == engine::CacheType::q8_0 ? 1 : 2;
  const std::int32_t layers = candidate.request.model.gpu_layers;
  const bool moved = layers != asked.model.gpu_layers;
  const double layers_moved = moved ? 1.0 - static_cast<double>(layers) / dry_run.gpu_layers : 0.0;
  const bool experts_moved = candidate.request.model.cpu_moe != asked.model.cpu_moe;
  // heuristic: a layer on the host costs every token; experts there cost some of it; a small micro-batch only prompts
  const double speed_lost =
      10 * layers_moved + (experts_moved ? 3 : 0) + 1.0 - static_cast<double>(now.n_ubatch) / asked.context.n_ubatch;
  // The host alone comes last: after all candidates that use the accelerator.
  const bool host_alone = candidate.request.model.devices != asked.model.devices;
  return std::tuple(host_alone, context_lost, sequences_lost, quality_lost, speed_lost);
}

class Builder {
 public:
  Builder(const dry_run::DryRunRequest& asked, const dry_run::DryRun& dry_run) : asked_(asked), dry_run_(dry_run) {}

  void add(const std::vector<Step>& steps) {
    Candidate candidate{.request = asked_, .flags = {}, .changes = {}, .cost = {}};
    bool changed = false;
    for (const Step& step : steps) changed = step(candidate) || changed;
    const auto seen = [&](const Candidate& other) { return other.request == candidate.request; };
    if (changed && std::ranges::none_of(candidates_, seen)) candidates_.push_back(std::move(candidate));
  }

  std::vector<Candidate> nearest_first() && {
    std::ranges::stable_sort(candidates_, {},
                             [this](const Candidate& candidate) { return distance(candidate, asked_, dry_run_); });
    return std::move(candidates_);
  }

 private:
  const dry_run::DryRunRequest& asked_;
  const dry_run::DryRun& dry_run_;
  std::vector<Candidate> candidates_;
};

}  // namespace

std::vector<Candidate> candidates(const dry_run::DryRunRequest& asked, const dry_run::DryRun& dry_run,
                                  bool accelerator_is_over) {
  const bool may_quantise = asked.context.flash_attn != engine::FlashAttention::off && dry_run.context.flash_attn;
  const Step nothing = [](Candidate&) { return false; };
  const Step half = micro_batch(std::max(kSmallestMicroBatch, dry_run.context.n_ubatch / 2));
  const Step smallest = micro_batch(kSmallestMicroBatch);
  const Step q8 =
      may_quantise ? cache_type(engine::CacheType::q8_0, "KV cache at 8 bits: hardly any loss of quality") : nothing;
  const Step q4 =
      may_quantise ? cache_type(engine::CacheType::q4_0, "KV cache at 4 bits: some loss of quality") : nothing;
  const Step one = one_sequence();
  const bool may_move = accelerator_is_over && dry_run.gpu_layers > 0;

  Builder out(asked, dry_run);
  for (const Step& quality : {nothing, q8, q4}) {
    out.add({quality, half});
    out.add({quality, smallest});
    out.add({quality});
    out.add({quality, one, smallest});
    if (!may_move) continue;
    if (dry_run.model.n_expert > 0) out.add({quality, smallest, experts_to_host()});
    for (const int eighths : {7, 6, 5, 4, 3, 2, 1, 0}) {
      out.add({quality, smallest, layers(dry_run.gpu_layers, dry_run.gpu_layers * eighths / 8)});
    }
  }
  if (may_move) out.add({host_alone()});
  for (std::uint32_t n_ctx = dry_run.context.n_ctx / 2; n_ctx >= kSmallestContext; n_ctx /= 2) {
    out.add({context(dry_run.context.n_ctx, n_ctx)});
    out.add({context(dry_run.context.n_ctx, n_ctx), one, q8, smallest});
    if (may_move) out.add({context(dry_run.context.n_ctx, n_ctx), one, q8, smallest, layers(dry_run.gpu_layers, 0)});
  }
  return std::move(out).nearest_first();
}

}  // namespace plimsoll::plan
