// own_memory: what this process holds of the host's memory.
#pragma once
#include <plimsoll/base/bytes.hpp>

namespace plimsoll::worker {

// Pages of its own, not those of mapped files; 0 where the system does not say.
[[nodiscard]] Bytes own_memory();

}  // namespace plimsoll::worker
