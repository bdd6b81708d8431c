// ollama_facts: what Ollama's clients are told about a model, gathered from host, plan and file.
#pragma once
#include <vector>

#include "api/ollama_models.hpp"
#include "host/host.hpp"

#include "model_names.hpp"
#include "prompt_reader.hpp"

namespace plimsoll::server {

// Of one that can be used.
[[nodiscard]] api::OllamaModel ollama_model(const host::Host& host, const plan::ModelPlan& plan);
// Of those that can be used, in the fleet's order, each with its presets behind it.
[[nodiscard]] std::vector<api::OllamaModel> ollama_models(const host::Host& host);
// Of those whose memory is held, or on its way to be.
[[nodiscard]] std::vector<api::OllamaLoaded> ollama_loaded(const host::Host& host);
[[nodiscard]] api::OllamaShown ollama_shown(const host::Host& host, const NamedModel& named,
                                            const PromptReader& reader);

}  // namespace plimsoll::server
