#include "mixed_workload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <random>

#include <plimsoll/base/error.hpp>
#include "engine/sampler.hpp"
#include "engine/sequence_state.hpp"
#include "tracker/hook.hpp"

namespace plimsoll::workload {
namespace {

using engine::Position;
using engine::SequenceId;

class Mixed {
 public:
  Mixed(run::Instance& instance, const MixedOptions& options)
      : instance_(instance), context_(instance.context()), facts_(context_.facts()), random_(options.seed) {
    add("prompt", [this] { prompt(any_sequence(), between(1, largest_prompt())); });
    add("prompt of one micro-batch", [this] { prompt(any_sequence(), largest_prompt()); });
    add("long prompt", [this] { long_prompt(); });
    add("one token", [this] { prompt(any_sequence(), 1); });
    add("all planned outputs", [this] { outputs(instance_.plan().dry_run.outputs); });
    add("some outputs", [this] { outputs(between(1, instance_.plan().dry_run.outputs)); });
    add("sample", [this] { sample({}); });
    if (instance.model()->vocab().present()) add("sample with a grammar", [this] { sample("root ::= [a-zA-Z ,.]+"); });
    add("save and restore", [this] { save_and_restore(); });
    add("rewind", [this] { rewind(); });
    if (context_.can_shift()) add("shift", [this] { shift(); });
    if (facts_.n_seq_max < 2) return;
    add("several sequences", [this] { several_sequences(between(2, facts_.n_seq_max)); });
    add("all sequences", [this] { several_sequences(facts_.n_seq_max); });
    add("copy", [this] { copy(); });
  }

  MixedFigures run(int decodes) {
    context_.clear();
    const std::uint64_t allocations_before = hook::counters().allocations;
    figures_.growth_source = instance_.how_growth_is_read();
    figures_.devices = plan::computing_devices(instance_.plan().dry_run).size();
    Bytes last = instance_.growth_after_ready();
    while (figures_.decodes < decodes) {
      const auto& [name, operation] = operations_[between(1, static_cast<std::uint32_t>(operations_.size())) - 1];
      instance_.on_loop(operation);  // as everything that a program asks for: see run::Instance::context()
      ++figures_.operations[name];
      note(name, last);
    }
    context_.clear();
    figures_.allocations = hook::counters().allocations - allocations_before;
    figures_.seal = instance_.seal_counts();
    return figures_;
  }

 private:
  void add(std::string name, std::function<void()> operation) {
    operations_.emplace_back(std::move(name), std::move(operation));
  }

  void note(const std::string& name, Bytes& last) {
    const std::int32_t reallocations = instance_.graph_reallocations();
    if (reallocations > 0 && figures_.graph_reallocations == 0) figures_.first_reallocation = name;
    figures_.graph_reallocations = reallocations;
    const Bytes now = instance_.growth_after_ready();
    if (saturating_sub(now, last) > figures_.largest_step_growth) {
      figures_.largest_step_growth = saturating_sub(now, last);
      figures_.largest_step = name;
    }
    figures_.growth = std::max(figures_.growth, now);
    last = now;
  }

  std::uint32_t between(std::uint32_t first, std::uint32_t last) {
    return std::uniform_int_distribution(first, last)(random_);
  }
  SequenceId any_sequence() { return static_cast<SequenceId>(between(1, facts_.n_seq_max) - 1); }
  engine::Token any_token() {
    return static_cast<engine::Token>(between(0, static_cast<std::uint32_t>(instance_.model()->facts().n_vocab) - 1));
  }
  std::uint32_t largest_prompt() const { return std::min({facts_.n_ubatch, facts_.n_batch, facts_.n_ctx_seq}); }
  Position end_of(SequenceId sequence) const { return context_.last_position(sequence) + 1; }

  // Room for so many tokens: a sequence that is too full begins again.
  void make_room(SequenceId sequence, std::uint32_t tokens) {
    if (static_cast<std::uint32_t>(end_of(sequence)) + tokens <= facts_.n_ctx_seq) return;
    if (!context_.remove(sequence, -1, -1)) context_.clear();
  }

  void decode(const engine::Batch& batch) {
    const engine::DecodeStatus status = instance_.decode(batch);
    context_.synchronize();
    ++figures_.decodes;
    if (status == engine::DecodeStatus::ok) return;
    throw Error(ErrorCode::engine_failed,
                fmt::format("decode {} of the mixed workload: {}", figures_.decodes, to_string(status)));
  }

  void prompt(SequenceId sequence, std::uint32_t tokens, std::uint32_t outputs = 1) {
    make_room(sequence, tokens);
    engine::Batch batch;
    const Position first = end_of(sequence);
    for (std::uint32_t i = 0; i < tokens; ++i)
      batch.add(any_token(), first + static_cast<Position>(i), sequence, tokens - i <= outputs);
    decode(batch);
  }

  void long_prompt() {
    const std::uint32_t most = std::min(facts_.n_batch, facts_.n_ctx_seq);
    prompt(any_sequence(), between(largest_prompt(), most));
  }

  void outputs(std::uint32_t rows) {
    const std::uint32_t most = std::min(rows, std::min(facts_.n_batch, facts_.n_ctx_seq));
    prompt(any_sequence(), most, most);
  }

  void sample(const std::string& grammar) {
    prompt(any_sequence(), between(1, std::min(8U, largest_prompt())));
    engine::SamplingParams params;
    params.seed = between(0, 1000);
    params.grammar = grammar;
    engine::Sampler sampler(*instance_.model(), params);
    (void)sampler.sample(context_, -1);
  }

  void save_and_restore() {
    const SequenceId sequence = any_sequence();
    prompt(sequence, between(1, std::min(8U, largest_prompt())));
    const engine::SequenceState state = engine::SequenceState::save(context_, sequence);
    state.restore(context_, sequence);
    prompt(sequence, 1);
  }

  void rewind() {
    const SequenceId sequence = any_sequence();
    prompt(sequence, std::min(8U, largest_prompt()));
    if (!context_.remove(sequence, end_of(sequence) - 2, -1))
      context_.clear();  // recurrent memory forgets all or nothing
    prompt(sequence, between(1, 4));
  }

  void shift() {
    const SequenceId sequence = any_sequence();
    if (!context_.remove(sequence, -1, -1)) context_.clear();
    prompt(sequence, std::min({24U, largest_prompt(), facts_.n_ctx_seq / 2}));
    const Position end = end_of(sequence);
    if (end < 8 || !context_.remove(sequence, 2, 5)) return;
    context_.shift(sequence, 5, end, -3);
    prompt(sequence, 1);
  }

  void copy() {
    const SequenceId from = any_sequence();
    const SequenceId to = (from + 1) % static_cast<SequenceId>(facts_.n_seq_max);
    prompt(from, std::min(4U, largest_prompt()));
    if (!context_.remove(to, -1, -1)) return;
    context_.copy(from, to);
    prompt(to, 1);
  }

  // One to several tokens of each, in one batch.
  void several_sequences(std::uint32_t sequences) {
    const std::uint32_t each = between(1, std::max(1U, facts_.n_batch / facts_.n_seq_max));
    engine::Batch batch;
    for (std::uint32_t i = 0; i < sequences; ++i) {
      const auto sequence = static_cast<SequenceId>(i);
      make_room(sequence, each);
    }
    for (std::uint32_t i = 0; i < sequences; ++i) {
      const auto sequence = static_cast<SequenceId>(i);
      const Position first = end_of(sequence);
      for (std::uint32_t k = 0; k < each; ++k)
        batch.add(any_token(), first + static_cast<Position>(k), sequence, k + 1 == each);
    }
    decode(batch);
  }

  run::Instance& instance_;
  engine::Context& context_;
  const engine::ContextFacts& facts_;
  std::mt19937 random_;
  std::vector<std::pair<std::string, std::function<void()>>> operations_;
  MixedFigures figures_;
};

}  // namespace

std::vector<std::string> MixedFigures::violations() const {
  std::vector<std::string> found;
  if (allocations > 0) found.push_back(fmt::format("{} ggml allocations", allocations));
  if (seal.allocations_after_seal > 0)
    found.push_back(fmt::format("{} allocations let through by the seal", seal.allocations_after_seal));
  if (seal.refused_after_seal > 0)
    found.push_back(fmt::format("{} allocations refused by the seal", seal.refused_after_seal));
  if (graph_reallocations > 0) {
    found.push_back(fmt::format("{} graphs allocated again, first in '{}'", graph_reallocations, first_reallocation));
  }
  if (growth > kAllowedGrowth * devices) {
    found.push_back(fmt::format("{} of growth, most of it ({}) in '{}'", format_bytes(growth),
                                format_bytes(largest_step_growth), largest_step));
  }
  return found;
}

MixedFigures run_mixed(run::Instance& instance, const MixedOptions& options) {
  return Mixed(instance, options).run(options.decodes);
}

}  // namespace plimsoll::workload
