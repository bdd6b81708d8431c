// quantize_json: a request and its result, as the lines between this process and the child.
#pragma once
#include <nlohmann/json.hpp>

#include "quantize/quantize.hpp"

namespace plimsoll::quantize {

[[nodiscard]] nlohmann::json to_json(const Request& request);
[[nodiscard]] Request request_from_json(const nlohmann::json& json);
[[nodiscard]] nlohmann::json to_json(const Result& result);  // without the files
[[nodiscard]] Result result_from_json(const nlohmann::json& json);

}  // namespace plimsoll::quantize
