// llama_props: what llama-server's clients are told about a model: its properties, slots and adapters.
#pragma once
#include <string>

#include "api/json_text.hpp"
#include "host/host.hpp"

#include "adapter_scales.hpp"
#include "model_names.hpp"
#include "prompt_reader.hpp"
#include "server_context.hpp"

namespace plimsoll::server {

// Of a model of the fleet, or of a preset of one. `reader`: null where the vocabulary cannot be read now; template and
// tokens are left out then. Throws api::Problem 404.
[[nodiscard]] api::Json llama_props(const ServerContext& server, const NamedModel& named, const PromptReader* reader);
// By its own name. Throw likewise.
[[nodiscard]] api::Json llama_slots(const host::Host& host, const std::string& model);
[[nodiscard]] api::Json llama_adapters(const host::Host& host, const std::string& model, const AdapterScales& scales);

}  // namespace plimsoll::server
