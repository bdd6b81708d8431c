// quantize_json: what is to be quantized, as the line that the child reads.
#pragma once
#include <nlohmann/json.hpp>

#include <plimsoll/engine/quantize.hpp>

namespace plimsoll::engine {

[[nodiscard]] nlohmann::json to_json(const QuantizeRequest& request);
[[nodiscard]] QuantizeRequest quantize_request_from_json(const nlohmann::json& json);

}  // namespace plimsoll::engine
