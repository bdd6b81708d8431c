// llama_props: what llama-server's clients are told about a model: its properties, slots and adapters.
#pragma once
#include <string>

#include "api/json_text.hpp"
#include "host/host.hpp"

#include "adapter_scales.hpp"
#include "prompt_reader.hpp"

namespace plimsoll::server {

// Of a model of the fleet, by its own name. `reader`: null where the vocabulary cannot be read now; template and tokens
// are left out then. Throw api::Problem 404.
[[nodiscard]] api::Json llama_props(const host::Host& host, const std::string& model, const PromptReader* reader);
[[nodiscard]] api::Json llama_slots(const host::Host& host, const std::string& model);
[[nodiscard]] api::Json llama_adapters(const host::Host& host, const std::string& model, const AdapterScales& scales);

}  // namespace plimsoll::server
