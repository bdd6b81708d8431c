// png_size: whether a PNG becomes what its header says. Its decoder unpacks whatever is packed in it: a few megabytes
// become gigabytes, of a picture of one pixel.
#pragma once
#include <cstdint>
#include <span>

namespace plimsoll::server {

// Unpacks it piece by piece and keeps nothing. False: it becomes more, or what is packed is damaged. One that is cut
// short passes: the decoder says so.
[[nodiscard]] bool unpacks_to_its_size(std::span<const std::uint8_t> png);

}  // namespace plimsoll::server
