// model_keys: the keys of a [[model]] in a fleet file.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "host/fleet.hpp"

#include "table_reader.hpp"

namespace plimsoll::host {

// Relative paths begin at the file's folder.
[[nodiscard]] std::string from_folder(const std::filesystem::path& folder, const std::string& path);

// The keys of a process of its own, of a model or of the fleet.
void add_isolation_keys(TableReader& reader, Isolation& isolation);

// What is wrong with it alone is a complaint; how it goes with the others is not looked at. Keys that are read
// elsewhere may stand there, too.
[[nodiscard]] FleetModel read_model(const toml::table& table, const std::filesystem::path& folder,
                                    Complaints& complaints, const std::vector<std::string>& elsewhere = {});

}  // namespace plimsoll::host
