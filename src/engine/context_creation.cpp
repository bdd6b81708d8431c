// How a context is made: parameters held against the model, the engine's own struct, and what came of it.
#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include "engine/context.hpp"
#include "engine/engine_log.hpp"
#include "engine/threads.hpp"

#include "engine_params.hpp"

namespace plimsoll::engine {
namespace {

// The API does not tell whether flash attention is on once "auto" was resolved; the engine's log does, in its last word
// on it. tests/engine/engine_words_engine_test.cpp holds that against the graphs that the engine really makes.
bool flash_attention_in_use(const ContextParams& params, const EngineLogListener& heard) {
  bool on = params.flash_attn != FlashAttention::off;
  for (const std::string& line : heard.lines()) {
    const bool about_it =
        line.contains("Flash Attention") || line.contains("flash_attn") || line.contains("flash attention");
    if (!about_it) continue;
    if (line.contains("disabled") || line.contains("forcing off")) on = false;
    if (line.contains("enabled")) on = true;
  }
  return on;
}

// What the engine is told; 0: as many as a batch has tokens, which is what embeddings ask for, and all that is encoded
// and not decoded. It ends the process where a call asks for more, and reserves compute buffers for as many rows as it
// is told of.
std::uint32_t outputs_for(const ContextParams& params, const ModelFacts& model) {
  if (params.embeddings || model.has_encoder || !model.is_causal || model.is_diffusion) return 0;
  return std::min(std::max(params.n_outputs_max, params.n_seq_max), params.n_batch);
}

ContextFacts read_facts(const llama_context* context, const ContextParams& params, const ModelFacts& model,
                        const EngineLogListener& heard) {
  const std::uint32_t n_batch = llama_n_batch(context);
  const std::uint32_t outputs = outputs_for(params, model);
  const llama_memory_t memory = llama_get_memory(context);
  return {
      .n_ctx = llama_n_ctx(context),
      .n_ctx_seq = llama_n_ctx_seq(context),
      .n_batch = n_batch,
      .n_ubatch = llama_n_ubatch(context),
      .n_seq_max = llama_n_seq_max(context),
      .n_outputs_max = outputs == 0 ? n_batch : std::min(outputs, n_batch),
      .type_k = params.type_k,
      .type_v = params.type_v,
      .flash_attn = flash_attention_in_use(params, heard),
      .kv_unified = params.kv_unified,
      .swa_full = params.swa_full,
      .has_memory = memory != nullptr,
      .is_causal = params.attention == Attention::unspecified ? model.is_causal : params.attention == Attention::causal,
      .can_shift = memory != nullptr && llama_memory_can_shift(memory),
      .pooling = params.embeddings ? static_cast<Pooling>(llama_pooling_type(context)) : Pooling::none};
}

std::uint32_t metadata_number(const Model& model, const std::string& key) {
  const auto text = model.metadata(model.facts().architecture + "." + key);
  return text ? static_cast<std::uint32_t>(std::strtoul(text->c_str(), nullptr, 10)) : 0;
}

// A quantised cache row must be whole blocks; the engine would end the process or refuse without a word.
void validate_cache_type(const Model& model, CacheType type, const char* which) {
  const auto block = static_cast<std::uint32_t>(ggml_blck_size(to_engine(type)));
  const std::uint32_t heads = metadata_number(model, "attention.head_count");
  std::uint32_t width = metadata_number(model, fmt::format("attention.{}_length", which));
  if (width == 0 && heads > 0) width = static_cast<std::uint32_t>(model.facts().n_embd) / heads;
  if (block > 1 && width > 0 && width % block != 0) {
    throw Error(
        ErrorCode::usage,
        fmt::format(
            "a cache of type {} stores {} numbers at a time, which this model's heads of {} are not a multiple of",
            to_string(type), block, width));
  }
}

// As to_engine() makes it of what was asked; 0 where it is the model's own.
std::uint32_t context_asked_for(const ContextParams& params, const ModelFacts& model) {
  return params.n_ctx.value_or(std::min(model.n_ctx_train, kDefaultContext));
}

// What the engine cuts a batch down to where attention is causal, and what it pads a context to.
std::uint32_t tokens_at_once(const ContextParams& params, std::uint32_t n_ctx, bool causal) {
  constexpr std::uint32_t kPadding = 256;
  const auto padded = [](std::uint32_t size) { return (size + kPadding - 1) / kPadding * kPadding; };
  const std::uint32_t each = params.kv_unified ? padded(n_ctx) : padded(padded(n_ctx) / params.n_seq_max);
  const std::uint32_t all = params.kv_unified ? each : each * params.n_seq_max;
  const std::uint32_t n_batch = causal ? std::min(n_ctx, params.n_batch) : params.n_batch;
  return std::min(all, std::min(n_batch, params.n_ubatch));
}

// A model's own context may be smaller than the sequences are many.
void validate_room_for_sequences(const Model& model, const ContextParams& params) {
  const std::uint32_t asked = context_asked_for(params, model.facts());
  const std::uint32_t n_ctx = asked == 0 ? model.facts().n_ctx_train : asked;
  if (n_ctx < params.n_seq_max) {
    throw Error(ErrorCode::usage,
                fmt::format("a context of {} tokens cannot hold one of each of {} sequences", n_ctx, params.n_seq_max));
  }
  // One vector of each sequence is made by a graph of as many tokens for each: with any other micro-batch the engine
  // ends the process. Not all architectures write down whether they are causal, so both must hold.
  if (!params.embeddings || params.pooling == Pooling::none) return;
  for (const bool causal : {true, false}) {
    const std::uint32_t tokens = tokens_at_once(params, n_ctx, causal);
    if (tokens % params.n_seq_max == 0) continue;
    const std::uint32_t less = pooled_micro_batch(tokens, params.n_seq_max);
    throw Error(
        ErrorCode::usage,
        fmt::format("vectors of {} whole sequences need micro-batches of a multiple of {} tokens, not {}; give it "
                    "n_ubatch {}",
                    params.n_seq_max, params.n_seq_max, tokens, std::max(less, params.n_seq_max)));
  }
}

void validate_against(const Model& model, const ContextParams& params) {
  validate(params);
  validate_room_for_sequences(model, params);
  validate_cache_type(model, params.type_k, "key");
  validate_cache_type(model, params.type_v, "value");
  if (params.embeddings && params.pooling == Pooling::rank && !model.has_classifier()) {
    // The engine would end the process while it builds the graph.
    throw Error(ErrorCode::unsupported,
                fmt::format("'{}' has no classification head, so it cannot rank", model.params().path));
  }
}

// With parameters that the caller chose, the choice is at fault; with the engine's defaults, the model is.
[[noreturn]] void creation_failed(const Model& model, const ContextParams& params, const EngineLogListener& heard) {
  const ContextParams defaults;
  const bool chosen = params.type_k != defaults.type_k || params.type_v != defaults.type_v ||
                      params.flash_attn != defaults.flash_attn || params.embeddings ||
                      params.n_ctx.value_or(0) > model.facts().n_ctx_train;
  throw Error(heard.told_of_missing_memory() ? ErrorCode::out_of_device_memory
              : chosen                       ? ErrorCode::unsupported
                                             : ErrorCode::model_unusable,
              fmt::format("no context could be made for '{}': {}", model.params().path, heard.reason()));
}

// What is left to the model file stays as the engine's defaults have it.
void set_rope(llama_context_params& engine, const ContextParams& params) {
  engine.rope_scaling_type = to_engine(params.rope_scaling);
  engine.rope_freq_base = params.rope_freq_base;
  engine.rope_freq_scale = params.rope_freq_scale;
  engine.yarn_orig_ctx = params.yarn_orig_ctx;
  const auto set = [](float& value, float asked) {
    if (asked >= 0) value = asked;
  };
  set(engine.yarn_ext_factor, params.yarn_ext_factor);
  set(engine.yarn_attn_factor, params.yarn_attn_factor);
  set(engine.yarn_beta_fast, params.yarn_beta_fast);
  set(engine.yarn_beta_slow, params.yarn_beta_slow);
}

}  // namespace

llama_context_params to_engine(const ContextParams& params, const ModelFacts& model) {
  llama_context_params engine = llama_context_default_params();
  engine.n_ctx = context_asked_for(params, model);
  engine.n_batch = params.n_batch;
  engine.n_ubatch = params.n_ubatch;
  engine.n_seq_max = params.n_seq_max;
  engine.n_outputs_max = outputs_for(params, model);
  engine.n_threads = params.n_threads > 0 ? params.n_threads : default_threads();
  engine.n_threads_batch = params.n_threads_batch > 0 ? params.n_threads_batch : engine.n_threads;
  engine.pooling_type = to_engine(params.pooling);
  engine.attention_type = to_engine(params.attention);
  engine.flash_attn_type = to_engine(params.flash_attn);
  engine.type_k = to_engine(params.type_k);
  engine.type_v = to_engine(params.type_v);
  engine.embeddings = params.embeddings;
  engine.offload_kqv = params.offload_kqv;
  engine.op_offload = params.op_offload;
  engine.swa_full = params.swa_full;
  engine.kv_unified = params.kv_unified;
  set_rope(engine, params);
  engine.no_perf = false;
  return engine;
}

std::unique_ptr<Context> Context::create(std::shared_ptr<Model> model, const ContextParams& params) {
  validate_against(*model, params);
  auto context = std::unique_ptr<Context>(new Context);
  llama_context_params engine = to_engine(params, model->facts());
  engine.abort_callback = &Context::should_abort;
  engine.abort_callback_data = context.get();

  const EngineLogListener heard;
  context->context_ = llama_init_from_model(model->handle(), engine);
  if (context->context_ == nullptr) creation_failed(*model, params, heard);
  context->facts_ = read_facts(context->context_, params, model->facts(), heard);
  context->model_ = std::move(model);
  context->params_ = params;
  return context;
}

}  // namespace plimsoll::engine
