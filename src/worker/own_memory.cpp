#include "own_memory.hpp"

#include <fstream>
#include <string>

namespace plimsoll::worker {

Bytes own_memory() {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;) {
    if (word != "RssAnon:") continue;
    std::uint64_t kilobytes = 0;
    file >> kilobytes;
    return Bytes{kilobytes << 10U};
  }
  return {};
}

}  // namespace plimsoll::worker
