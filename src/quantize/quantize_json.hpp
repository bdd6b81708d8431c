// quantize_json: what is to be quantized, as the line that the child reads.
#pragma once
#include <nlohmann/json.hpp>

#include <plimsoll/quantize/quantize.hpp>

namespace plimsoll::quantize {

[[nodiscard]] nlohmann::json to_json(const Request& request);
[[nodiscard]] Request request_from_json(const nlohmann::json& json);

}  // namespace plimsoll::quantize
