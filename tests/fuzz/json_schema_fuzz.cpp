// Any bytes as a JSON Schema.
#include <cstdint>

#include "feeds.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  plimsoll::fuzz::feed_schema(std::string(data, data + size));
  return 0;
}
