// owner_of_group: under whose name a compute group's compute buffers stand in the ledger.
#pragma once
#include <string>

namespace plimsoll::memory {

[[nodiscard]] inline std::string owner_of_group(const std::string& compute_group) { return "group:" + compute_group; }

}  // namespace plimsoll::memory
