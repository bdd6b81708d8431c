// metadata_override: values in the place of those in a file's metadata, as the engine takes them.
#pragma once
#include <llama.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/engine/params.hpp>

namespace plimsoll::engine {

[[nodiscard]] llama_model_kv_override to_engine(const MetadataOverride& entry);  // its lengths have been checked
// The value as the engine writes metadata down ("true", "8", "0.5"). Empty: there is none for that key.
[[nodiscard]] std::optional<std::string> overridden(const std::vector<MetadataOverride>& entries, std::string_view key);

}  // namespace plimsoll::engine
