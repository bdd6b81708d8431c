#include "worker/limits.hpp"

namespace plimsoll::worker {

std::vector<std::string> arguments_of(const Limits& limits) {
  std::vector<std::string> out;
  if (limits.most_decode_time) {
    out.emplace_back(kMostDecodeTimeFlag);
    out.push_back(std::to_string(limits.most_decode_time->count()));
  }
  if (limits.most_host_memory) {
    out.emplace_back(kMostHostMemoryFlag);
    out.push_back(std::to_string(limits.most_host_memory->value()));
  }
  return out;
}

}  // namespace plimsoll::worker
