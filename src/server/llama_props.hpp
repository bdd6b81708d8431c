// llama_props: what llama-server's clients are told about a model: its properties, slots and adapters.
#pragma once
#include <cstddef>

#include "api/json_text.hpp"
#include "host/host.hpp"

#include "prompt_reader.hpp"

namespace plimsoll::server {

// `place`: the model's in the fleet. `reader`: null where the vocabulary cannot be read now; template and tokens are
// left out then.
[[nodiscard]] api::Json llama_props(const host::Host& host, std::size_t place, const PromptReader* reader);
[[nodiscard]] api::Json llama_slots(const host::Host& host, std::size_t place);
[[nodiscard]] api::Json llama_adapters(const host::Host& host, std::size_t place);

}  // namespace plimsoll::server
