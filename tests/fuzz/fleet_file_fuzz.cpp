// Any bytes as a fleet file.
#include <cstdint>
#include <string>

#include "feed_fleet.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  plimsoll::fuzz::feed_fleet(std::string(data, data + size));
  return 0;
}
