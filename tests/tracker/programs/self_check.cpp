// Says whether the hook is in the way of this program's allocations, and fails where that is not what was expected.
#include <llama.h>

#include <cstdio>
#include <cstring>

#include "tracker/hook.hpp"

int main(int argc, char** argv) {
  const char* found = plimsoll::hook::in_the_way() ? "enforcing" : "advisory";
  std::printf("%s (%s)\n", found, llama_max_devices() > 0 ? "libllama is linked" : "no libllama");
  return argc == 2 && std::strcmp(argv[1], found) == 0 ? 0 : 1;
}
