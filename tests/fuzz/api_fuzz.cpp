// Any bytes as the body of a request, and as what a model wrote.
#include <cstdint>

#include "feeds.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  plimsoll::fuzz::feed_api(text);
  plimsoll::fuzz::feed_reader(text);
  return 0;
}
