// key_tables: the [[key]] tables of a fleet file.
#pragma once
#include <filesystem>
#include <vector>

#include "host/fleet_keys.hpp"

#include "table_reader.hpp"

namespace plimsoll::host {

// Relative paths of `key-file` begin at the folder.
[[nodiscard]] std::vector<FleetKey> read_keys(const toml::node& node, const std::filesystem::path& folder,
                                              Complaints& complaints);

}  // namespace plimsoll::host
