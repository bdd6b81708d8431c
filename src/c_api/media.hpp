// media: the pictures and sounds that a caller hands over.
#pragma once
#include <cstdint>
#include <vector>

#include <plimsoll.h>
#include <plimsoll/conversation.hpp>

namespace plimsoll::c_api {

// Throws Error{usage}: a missing list, a closed one among them.
[[nodiscard]] std::vector<Media> media_of(plimsoll_media* const* media, std::uint64_t count);

}  // namespace plimsoll::c_api
