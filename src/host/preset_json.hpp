// preset_json: what a preset says, by the keys of the fleet file.
#pragma once
#include <nlohmann/json.hpp>

#include "host/fleet.hpp"

namespace plimsoll::host {

// {"name", "aliases", "settings"}; the settings are those that it has, sampling among them by llama-server's names.
[[nodiscard]] nlohmann::ordered_json to_json(const Preset& preset);

}  // namespace plimsoll::host
