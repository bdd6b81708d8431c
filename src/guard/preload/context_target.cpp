#include "context_target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include <plimsoll/memory/refusal.hpp>

#include "engine_failure.hpp"

namespace plimsoll::guard {
namespace {

// Rows that programs ask for at once where they check what a draft proposes.
constexpr std::uint32_t kRowsOfADraft = 16;

// As in src/run/context_warm_up.cpp.
constexpr int kNodesOfALayer = 24;
constexpr int kNodesOfAMixture = 48;

// The engine's answers (llama.h, llama_decode).
constexpr std::int32_t kNoPlace = 1;
constexpr std::int32_t kStopped = 2;
constexpr std::int32_t kNotABatch = -1;
constexpr std::int32_t kNoMemory = -2;

std::string metadata(const LlamaFunctions& llama, const llama_model* model, const std::string& key) {
  std::array<char, 128> value{};
  if (llama.llama_model_meta_val_str == nullptr ||
      llama.llama_model_meta_val_str(model, key.c_str(), value.data(), value.size()) < 0)
    return {};
  return value.data();
}

// Counts down on the thread that computes.
struct Stopping {
  int nodes_left = 0;
};
bool stop_after_nodes(void* data) { return --static_cast<Stopping*>(data)->nodes_left <= 0; }

struct Batch {
  explicit Batch(std::span<const run::WarmUpToken> all) {
    for (const run::WarmUpToken& one : all) {
      tokens.push_back(one.token);
      positions.push_back(one.position);
      sequences.push_back(one.sequence);
      outputs.push_back(one.output ? 1 : 0);
    }
    counts.assign(all.size(), 1);
    for (llama_seq_id& sequence : sequences) pointers.push_back(&sequence);
  }
  [[nodiscard]] llama_batch view() {
    return {.n_tokens = static_cast<std::int32_t>(tokens.size()),
            .token = tokens.data(),
            .embd = nullptr,
            .pos = positions.data(),
            .n_seq_id = counts.data(),
            .seq_id = pointers.data(),
            .logits = outputs.data()};
  }
  std::vector<llama_token> tokens;
  std::vector<llama_pos> positions;
  std::vector<llama_seq_id> sequences;
  std::vector<std::int32_t> counts;
  std::vector<llama_seq_id*> pointers;
  std::vector<std::int8_t> outputs;
};

}  // namespace

ContextWishes wishes_of(const LlamaLibrary& library, const void* parameters) {
  ContextWishes wishes{.layout_is_known = library.layout_is_known() && parameters != nullptr};
  if (!wishes.layout_is_known) return wishes;
  const auto& params = *static_cast<const llama_context_params*>(parameters);
  wishes.embeddings = params.embeddings;
  wishes.abort_callback = params.abort_callback;
  wishes.abort_data = params.abort_callback_data;
  std::uint32_t most = params.n_outputs_max == 0 ? params.n_batch : std::min(params.n_outputs_max, params.n_batch);
  if (params.n_outputs_max_per_seq > 0) most = std::min(most, params.n_outputs_max_per_seq);
  wishes.outputs = std::max(1U, std::min(most, kRowsOfADraft));
  if (params.cb_eval != nullptr)
    wishes.why_not_warmed = "the program watches every tensor, and would see the warm-up's";
  if (params.ctx_type != LLAMA_CONTEXT_TYPE_DEFAULT)
    wishes.why_not_warmed = "it predicts for another context, and computes nothing by itself";
  return wishes;
}

ContextTarget::ContextTarget(const LlamaLibrary& library, llama_context* context, const ContextWishes& wishes,
                             tracker::Scope& scope)
    : library_(library),
      llama_(library.functions()),
      file_(library_of(library.where())),
      context_(context),
      wishes_(wishes),
      scope_(scope) {
  const llama_model* model = llama_.llama_get_model(context);
  memory_ = llama_.llama_get_memory(context);
  facts_.n_ctx = llama_.llama_n_ctx(context);
  facts_.n_batch = llama_.llama_n_batch(context);
  facts_.n_ubatch = llama_.llama_n_ubatch(context);
  facts_.n_seq_max = llama_.llama_n_seq_max(context);
  facts_.n_ctx_seq = llama_.llama_n_ctx_seq != nullptr ? llama_.llama_n_ctx_seq(context)
                                                       : facts_.n_ctx / std::max(1U, facts_.n_seq_max);
  facts_.n_vocab = static_cast<std::uint32_t>(llama_.llama_vocab_n_tokens(llama_.llama_model_get_vocab(model)));
  facts_.has_memory = memory_ != nullptr;
  facts_.embeddings = wishes_.embeddings;
  facts_.has_encoder = llama_.llama_model_has_encoder(model);
  facts_.has_decoder = llama_.llama_model_has_decoder(model);
  facts_.can_shift = memory_ != nullptr && llama_.llama_memory_can_shift(memory_);
  facts_.nodes_of_first_layers = nodes_of_first_layers(model);
}

// A stop is the context's, and can be given back only where it is known what it was.
int ContextTarget::nodes_of_first_layers(const llama_model* model) const {
  if (!wishes_.layout_is_known || llama_.llama_set_abort_callback == nullptr || memory_ == nullptr) return 0;
  if (llama_.llama_model_is_recurrent == nullptr || llama_.llama_model_is_recurrent(model) ||
      llama_.llama_model_is_hybrid == nullptr || llama_.llama_model_is_hybrid(model))
    return 0;
  const std::string architecture = metadata(llama_, model, "general.architecture");
  if (std::atoi(metadata(llama_, model, architecture + ".expert_count").c_str()) == 0) return kNodesOfALayer;
  return kNodesOfALayer * std::atoi(metadata(llama_, model, architecture + ".leading_dense_block_count").c_str()) +
         kNodesOfAMixture;
}

void ContextTarget::judge(std::int32_t status, bool may_be_stopped) {
  if (status == 0 || (status == kStopped && may_be_stopped)) return;
  if (auto refusal = scope_.take_refusal()) throw memory::Refused(std::move(*refusal), "the warm-up");
  switch (status) {
    case kNoMemory:
      throw Error(ErrorCode::out_of_device_memory, "the warm-up was refused memory");
    case kNoPlace:
    case kNotABatch:
      throw NotTaken(fmt::format("the engine did not take a shape of the warm-up (status {})", status));
    case kStopped:
      throw NotTaken("the program stopped the warm-up");
    default:
      throw Error(ErrorCode::engine_failed, fmt::format("the engine failed in the warm-up (status {})", status));
  }
}

void ContextTarget::compute(Computes function, std::span<const run::WarmUpToken> tokens, bool may_be_stopped) {
  Batch batch(tokens);
  std::int32_t status = 0;
  contained(file_, [&] { status = function(context_, batch.view()); });
  judge(status, may_be_stopped);
}

// An encoder keeps nothing between calls, and is asked in its own way.
void ContextTarget::decode(std::span<const run::WarmUpToken> tokens, const std::stop_token&) {
  const bool encodes = !facts_.has_decoder || !facts_.has_memory;
  compute(encodes ? llama_.llama_encode : llama_.llama_decode, tokens, false);
}

void ContextTarget::encode(std::span<const run::WarmUpToken> tokens) { compute(llama_.llama_encode, tokens, false); }

void ContextTarget::begin_to_decode(std::span<const run::WarmUpToken> tokens) {
  Stopping stopping{.nodes_left = facts_.nodes_of_first_layers};
  llama_.llama_set_abort_callback(context_, stop_after_nodes, &stopping);
  try {
    compute(llama_.llama_decode, tokens, true);
  } catch (...) {
    llama_.llama_set_abort_callback(context_, wishes_.abort_callback, wishes_.abort_data);
    throw;
  }
  llama_.llama_set_abort_callback(context_, wishes_.abort_callback, wishes_.abort_data);
}

void ContextTarget::synchronize() {
  contained(file_, [&] { llama_.llama_synchronize(context_); });
}

void ContextTarget::clear() {
  if (memory_ != nullptr) llama_.llama_memory_clear(memory_, false);
}

bool ContextTarget::remove(std::int32_t sequence, std::int32_t from, std::int32_t to) {
  return memory_ == nullptr || llama_.llama_memory_seq_rm(memory_, sequence, from, to);
}

void ContextTarget::copy(std::int32_t from_sequence, std::int32_t to_sequence) {
  if (memory_ == nullptr) return;
  (void)llama_.llama_memory_seq_rm(memory_, to_sequence, -1, -1);
  llama_.llama_memory_seq_cp(memory_, from_sequence, to_sequence, -1, -1);
}

void ContextTarget::shift(std::int32_t sequence, std::int32_t from, std::int32_t to, std::int32_t by) {
  llama_.llama_memory_seq_add(memory_, sequence, from, to, by);
}

std::int32_t ContextTarget::last_position(std::int32_t sequence) const {
  return memory_ == nullptr ? -1 : llama_.llama_memory_seq_pos_max(memory_, sequence);
}

void ContextTarget::save_and_restore(std::int32_t sequence) {
  contained(file_, [&] {
    std::vector<std::uint8_t> state(llama_.llama_state_seq_get_size(context_, sequence));
    const std::size_t written = llama_.llama_state_seq_get_data(context_, state.data(), state.size(), sequence);
    if (written == 0 || llama_.llama_state_seq_set_data(context_, state.data(), written, sequence) != written)
      throw NotTaken("the engine cannot keep and restore a sequence of this model");
  });
}

void ContextTarget::sample() {
  contained(file_, [&] {
    llama_sampler* sampler = llama_.llama_sampler_init_greedy();
    (void)llama_.llama_sampler_sample(sampler, context_, -1);
    llama_.llama_sampler_free(sampler);
  });
}

void ContextTarget::leave_as_new() {
  contained(file_, [&] {
    llama_.llama_synchronize(context_);
    if (memory_ != nullptr) llama_.llama_memory_clear(memory_, true);
    llama_.llama_perf_context_reset(context_);
  });
}

}  // namespace plimsoll::guard
