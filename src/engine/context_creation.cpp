// How a context is made: parameters held against the model, the engine's own struct, and what came of it.
#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include <plimsoll/base/error.hpp>
#include <plimsoll/engine/context.hpp>
#include <plimsoll/engine/engine_log.hpp>

namespace plimsoll::engine {
namespace {

// The API does not tell whether flash attention is on once "auto" was resolved; the engine's log does, in its last word
// on it.
bool flash_attention_in_use(const ContextParams& params, const EngineLogListener& heard) {
  bool on = params.flash_attn != LLAMA_FLASH_ATTN_TYPE_DISABLED;
  for (const std::string& line : heard.lines()) {
    const bool about_it =
        line.contains("Flash Attention") || line.contains("flash_attn") || line.contains("flash attention");
    if (!about_it) continue;
    if (line.contains("disabled") || line.contains("forcing off")) on = false;
    if (line.contains("enabled")) on = true;
  }
  return on;
}

ContextFacts read_facts(const llama_context* context, const ContextParams& params, const EngineLogListener& heard) {
  return {.n_ctx = llama_n_ctx(context),
          .n_ctx_seq = llama_n_ctx_seq(context),
          .n_batch = llama_n_batch(context),
          .n_ubatch = llama_n_ubatch(context),
          .n_seq_max = llama_n_seq_max(context),
          .n_outputs_max = params.n_outputs_max,
          .type_k = params.type_k,
          .type_v = params.type_v,
          .flash_attn = flash_attention_in_use(params, heard),
          .kv_unified = params.kv_unified,
          .swa_full = params.swa_full,
          .has_memory = llama_get_memory(context) != nullptr,
          .pooling = params.embeddings ? llama_pooling_type(context) : LLAMA_POOLING_TYPE_NONE};
}

std::uint32_t metadata_number(const Model& model, const std::string& key) {
  const auto text = model.metadata(model.facts().architecture + "." + key);
  return text ? static_cast<std::uint32_t>(std::strtoul(text->c_str(), nullptr, 10)) : 0;
}

// A quantised cache row must be whole blocks; the engine would end the process or refuse without a word.
void validate_cache_type(const Model& model, ggml_type type, const char* which) {
  const auto block = static_cast<std::uint32_t>(ggml_blck_size(type));
  const std::uint32_t heads = metadata_number(model, "attention.head_count");
  std::uint32_t width = metadata_number(model, fmt::format("attention.{}_length", which));
  if (width == 0 && heads > 0) width = static_cast<std::uint32_t>(model.facts().n_embd) / heads;
  if (block > 1 && width > 0 && width % block != 0) {
    throw Error(
        ErrorCode::usage,
        fmt::format("a cache of type {} stores {} numbers at a time, which this model's heads of {} are no multiple of",
                    to_string(type), block, width));
  }
}

void validate_against(const Model& model, const ContextParams& params) {
  validate(params);
  validate_cache_type(model, params.type_k, "key");
  validate_cache_type(model, params.type_v, "value");
  if (params.embeddings && params.pooling == LLAMA_POOLING_TYPE_RANK && !model.has_classifier()) {
    // The engine would end the process while it builds the graph.
    throw Error(ErrorCode::unsupported,
                fmt::format("'{}' has no classification head, so it cannot rank", model.params().path));
  }
}

// With parameters that the caller chose, the choice is at fault; with the engine's defaults, the model is.
[[noreturn]] void creation_failed(const Model& model, const ContextParams& params, const EngineLogListener& heard) {
  const std::string& why = heard.first_error();
  const bool memory = why.contains("allocate") || why.contains("out of memory");
  const ContextParams defaults;
  const bool chosen = params.type_k != defaults.type_k || params.type_v != defaults.type_v ||
                      params.flash_attn != defaults.flash_attn || params.embeddings ||
                      params.n_ctx.value_or(0) > model.facts().n_ctx_train;
  throw Error(memory   ? ErrorCode::out_of_device_memory
              : chosen ? ErrorCode::unsupported
                       : ErrorCode::model_unusable,
              fmt::format("no context could be made for '{}': {}", model.params().path,
                          why.empty() ? "the engine gave no reason" : why));
}

}  // namespace

llama_context_params to_engine(const ContextParams& params, const ModelFacts& model) {
  llama_context_params engine = llama_context_default_params();
  engine.n_ctx = params.n_ctx.value_or(std::min(model.n_ctx_train, kDefaultContext));
  engine.n_batch = params.n_batch;
  engine.n_ubatch = params.n_ubatch;
  engine.n_seq_max = params.n_seq_max;
  engine.n_outputs_max = params.n_outputs_max;
  const auto cores = static_cast<std::int32_t>(std::max(1U, std::thread::hardware_concurrency()));
  engine.n_threads = params.n_threads > 0 ? params.n_threads : cores;
  engine.n_threads_batch = params.n_threads_batch > 0 ? params.n_threads_batch : engine.n_threads;
  engine.pooling_type = params.pooling;
  engine.flash_attn_type = params.flash_attn;
  engine.type_k = params.type_k;
  engine.type_v = params.type_v;
  engine.embeddings = params.embeddings;
  engine.offload_kqv = params.offload_kqv;
  engine.op_offload = params.op_offload;
  engine.swa_full = params.swa_full;
  engine.kv_unified = params.kv_unified;
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
  context->model_ = std::move(model);
  context->params_ = params;
  context->facts_ = read_facts(context->context_, params, heard);
  return context;
}

}  // namespace plimsoll::engine
