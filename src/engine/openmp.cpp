// The engine's CPU backends compute with OpenMP, as Debian builds them; which implementation is in the process is asked
// at run time, so that none is needed to link.
#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>

#include "engine/threads.hpp"

namespace plimsoll::engine {
namespace {

using Pause = int (*)(int kind);
constexpr int kSoft = 1;  // omp_pause_soft: what was set stays as it is

Pause find_pause() {
  for (const char* name : {"libgomp.so.1", "libomp.so.5", "libomp.so"}) {
    void* library = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);  // not to load it: the engine has, or it is not used
    if (library == nullptr) continue;
    auto pause = reinterpret_cast<Pause>(dlsym(library, "omp_pause_resource_all"));
    dlclose(library);  // the engine holds it
    if (pause != nullptr) return pause;
  }
  return nullptr;
}

// What GNU's OpenMP does between two looks.
void look(const std::atomic<int>& value) noexcept {
  (void)value.load(std::memory_order_relaxed);
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

// How often this processor looks in a microsecond: the best of several tries, so that an interruption does not count.
double looks_per_microsecond() {
  constexpr int kLooks = 500;
  const std::atomic<int> value{0};
  auto shortest = std::chrono::nanoseconds::max();
  for (int i = 0; i < 7; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    for (int k = 0; k < kLooks; ++k) look(value);
    shortest = std::min<std::chrono::nanoseconds>(shortest, std::chrono::steady_clock::now() - begin);
  }
  return kLooks * 1000.0 / static_cast<double>(std::max<std::int64_t>(shortest.count(), 1));
}

}  // namespace

void release_compute_threads() noexcept {
  static const Pause pause = find_pause();
  if (pause != nullptr) (void)pause(kSoft);
}

std::vector<std::pair<std::string, std::string>> bounded_waiting() {
  for (const char* name : {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME"}) {
    if (std::getenv(name) != nullptr) return {};
  }
  // heuristic: a few times what waking a thread costs; bench/threads.py compares it with other values.
  constexpr double kMicroseconds = 200;
  const auto looks = static_cast<std::int64_t>(kMicroseconds * looks_per_microsecond());
  // Active: with more threads than processors (another compute group's are idle) it still looks a little before it
  // sleeps.
  return {{"GOMP_SPINCOUNT", std::to_string(std::max<std::int64_t>(looks, 1000))}, {"OMP_WAIT_POLICY", "active"}};
}

}  // namespace plimsoll::engine
