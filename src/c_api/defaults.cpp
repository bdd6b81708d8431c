#include "defaults.hpp"

#include <fmt/format.h>

namespace plimsoll::c_api {

void require_reserved(std::uint32_t value, const char* what) {
  if (value != 0)
    throw Error(ErrorCode::usage,
                fmt::format("'reserved' of {} is {}: it must be 0; was it initialised?", what, value));
}

// The C++ library's own defaults, so that the two cannot differ.

plimsoll_runtime_options Defaults<plimsoll_runtime_options>::value() {
  const RuntimeOptions defaults;
  return {.size = sizeof(plimsoll_runtime_options),
          .prefault = defaults.prefault,
          .require_enforcing = defaults.require_enforcing,
          .reserved = 0,
          .budgets = nullptr,
          .n_budgets = 0,
          .store = nullptr};
}

plimsoll_model_options Defaults<plimsoll_model_options>::value() {
  const DraftOptions draft;
  plimsoll_model_options out{};
  out.size = sizeof out;
  out.warm_up = PLIMSOLL_WARM_UP_AUTOMATIC;
  out.n_ctx = out.n_seq_max = out.gpu_layers = out.n_threads = PLIMSOLL_UNSET;
  out.draft_most = static_cast<std::int32_t>(draft.most);
  out.draft_least_probability = draft.least_probability;
  return out;
}

plimsoll_generation_options Defaults<plimsoll_generation_options>::value() {
  const GenerationOptions defaults;
  const SamplingParams& sampling = defaults.sampling;
  plimsoll_generation_options out{};
  out.size = sizeof out;
  out.predict = defaults.predict;
  out.seed = sampling.seed;
  out.temperature = sampling.temperature;
  out.top_k = sampling.top_k;
  out.top_p = sampling.top_p;
  out.min_p = sampling.min_p;
  out.typical_p = sampling.typical_p;
  out.penalty_last_n = sampling.penalty_last_n;
  out.penalty_repeat = sampling.penalty_repeat;
  out.penalty_frequency = sampling.penalty_frequency;
  out.penalty_presence = sampling.penalty_presence;
  out.overflow = PLIMSOLL_OVERFLOW_FAIL;
  out.overflow_discard_share = defaults.overflow_discard_share;
  out.sampler_place = PLIMSOLL_SAMPLER_LAST;
  return out;
}

plimsoll_chat_options Defaults<plimsoll_chat_options>::value() {
  plimsoll_chat_options out{};
  out.size = sizeof out;
  return out;
}

plimsoll_embed_options Defaults<plimsoll_embed_options>::value() {
  plimsoll_embed_options out{};
  out.size = sizeof out;
  out.normalise = EmbedOptions{}.normalise;
  return out;
}

plimsoll_rank_options Defaults<plimsoll_rank_options>::value() {
  plimsoll_rank_options out{};
  out.size = sizeof out;
  return out;
}

plimsoll_host_options Defaults<plimsoll_host_options>::value() {
  plimsoll_host_options out{};
  out.size = sizeof out;
  out.longest_queue = HostOptions{}.longest_queue;
  return out;
}

plimsoll_acquire_options Defaults<plimsoll_acquire_options>::value() {
  plimsoll_acquire_options out{};
  out.size = sizeof out;
  out.wait = AcquireOptions{}.wait;
  out.patience_ms = -1;
  return out;
}

plimsoll_context_options Defaults<plimsoll_context_options>::value() {
  plimsoll_context_options out{};
  out.size = sizeof out;
  out.warm_up = PLIMSOLL_WARM_UP_AUTOMATIC;
  out.n_ctx = out.n_seq_max = out.n_threads = PLIMSOLL_UNSET;
  return out;
}

plimsoll_quantize_options Defaults<plimsoll_quantize_options>::value() {
  plimsoll_quantize_options out{};
  out.size = sizeof out;
  return out;
}

plimsoll_monitor_options Defaults<plimsoll_monitor_options>::value() {
  const MonitorOptions defaults;
  plimsoll_monitor_options out{};
  out.size = sizeof out;
  out.interval_ms = static_cast<std::uint32_t>(defaults.interval.count());
  out.history = defaults.history;
  out.warn = defaults.thresholds.warn;
  out.high = defaults.thresholds.high;
  return out;
}

}  // namespace plimsoll::c_api
