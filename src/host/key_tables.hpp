// key_tables: the [[key]] tables of a fleet file.
#pragma once
#include <filesystem>
#include <vector>

#include "host/fleet_keys.hpp"

#include "table_reader.hpp"

namespace plimsoll::host {

// Relative paths of `key-file` begin at the folder.
void add_key(const toml::table& table, std::vector<FleetKey>& keys, const std::filesystem::path& folder,
             Complaints& complaints);

}  // namespace plimsoll::host
