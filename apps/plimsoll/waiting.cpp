#include "waiting.hpp"

#include <unistd.h>

#include <array>
#include <cstdlib>

#include "engine/threads.hpp"

namespace plimsoll::app {

void bound_waiting(char** argv) {
  const auto settings = engine::bounded_waiting();
  if (settings.empty()) return;
  // By its own name, which tools then show; not "/proc/self/exe".
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (length <= 0) return;
  for (const auto& [name, value] : settings) setenv(name.c_str(), value.c_str(), 1);
  execv(path.data(), argv);
}

}  // namespace plimsoll::app
