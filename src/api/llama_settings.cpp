#include "api/llama_settings.hpp"

#include <cmath>

#include "engine/sampling_json.hpp"

namespace plimsoll::api {
namespace {

// null: the token is forbidden.
Json biases(const std::vector<engine::LogitBias>& all) {
  Json out = Json::array();
  for (const engine::LogitBias& one : all)
    out.push_back({{"bias", std::isinf(one.bias) ? Json(nullptr) : Json(one.bias)}, {"token", one.token}});
  return out;
}

}  // namespace

Json llama_sampling(const engine::SamplingParams& sampling) {
  Json out = engine::to_json(sampling);
  for (const char* ours : {"schema", "grammar_root", "grammar_trigger_patterns", "grammar_trigger_tokens"})
    out.erase(ours);
  out["logit_bias"] = biases(sampling.logit_bias);
  return out;
}

Json llama_settings(const TextRequest& request) {
  Json out = llama_sampling(request.sampling);
  const Json most = request.most_tokens ? Json(*request.most_tokens) : Json(-1);
  out["stop"] = request.stop_strings;
  out["max_tokens"] = most;
  out["n_predict"] = most;
  out["n_keep"] = 0;
  out["n_discard"] = 0;
  out["stream"] = request.stream;
  out["n_probs"] = request.top_logprobs.value_or(0);
  out["grammar_lazy"] = false;
  out["grammar_triggers"] = Json::array();
  out["preserved_tokens"] = Json::array();
  out["chat_format"] = "Content-only";
  out["timings_per_token"] = request.tells_times;
  out["post_sampling_probs"] = request.after_sampling;
  out["lora"] = to_json(request.adapters.value_or(std::vector<AdapterScale>{}));
  return out;
}

}  // namespace plimsoll::api
