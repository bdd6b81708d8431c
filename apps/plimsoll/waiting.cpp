#include "waiting.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "base/own_program.hpp"
#include "engine/threads.hpp"

namespace plimsoll::app {
namespace {

constexpr std::array<std::string_view, 9> kComputing{"generate", "chat",   "calibrate", "demo", "bench",
                                                     "embed",    "rerank", "serve",     "top"};

}  // namespace

// The command line is not read as yet: a file of such a name costs a start anew, and nothing else.
bool may_compute(int argc, const char* const* argv) {
  return std::ranges::any_of(std::span(argv, static_cast<std::size_t>(argc)),
                             [](std::string_view argument) { return std::ranges::contains(kComputing, argument); });
}

void bound_waiting(char** argv) {
  const auto settings = engine::bounded_waiting();
  if (settings.empty()) return;
  // By its own name, which tools then show; not "/proc/self/exe".
  const std::string program = own_program();
  for (const auto& [name, value] : settings) setenv(name.c_str(), value.c_str(), 1);
  execv(program.c_str(), argv);
}

}  // namespace plimsoll::app
