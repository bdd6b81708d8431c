// Any bytes as a chat template.
#include <cstdint>
#include <string>

#include "feed_template.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  plimsoll::fuzz::feed_template(std::string(data, data + size));
  return 0;
}
