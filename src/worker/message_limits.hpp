// message_limits: what one message between a host and the process of a model may have, at both ends.
#pragma once
#include <cstdint>

#include <kj/common.h>

namespace plimsoll::worker {

inline constexpr kj::uint kMostFiles = 1;                             // descriptors
inline constexpr std::uint64_t kMostWords = std::uint64_t{1} << 30U;  // vectors of a whole batch come in one

}  // namespace plimsoll::worker
