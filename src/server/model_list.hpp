// model_list: the models that are here, as OpenAI's and LM Studio's clients list them. Each with its presets behind it.
#pragma once
#include "api/json_text.hpp"
#include "host/host.hpp"

namespace plimsoll::server {

// `preset`: of the model, or null.
[[nodiscard]] api::Json openai_model(const host::FleetModel& model, const host::Preset* preset,
                                     const host::ModelStatus& status, const plan::ModelPlan& plan);
// With llama-server's list of the same, `models`, beside OpenAI's, `data`.
[[nodiscard]] api::Json openai_models(const host::Host& host);

[[nodiscard]] const char* lm_studio_type(const plan::ModelPlan& plan);  // "llm", "embedding"
// What a loaded one was loaded with.
[[nodiscard]] api::Json lm_studio_config(const host::Preset* preset, const plan::ModelPlan& plan);
[[nodiscard]] api::Json lm_studio_models(const host::Host& host);  // a list

}  // namespace plimsoll::server
