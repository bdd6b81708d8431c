// Has no engine. With an argument it asks dlsym() for things that are there, and for some that are not.
#include <dlfcn.h>

#include <cstdio>
#include <cstring>

int main(int argc, char**) {
  std::puts("hello");
  if (argc < 2) return 0;
  const bool finds_puts = dlsym(RTLD_DEFAULT, "puts") != nullptr;
  (void)dlerror();
  const bool finds_llama = dlsym(RTLD_DEFAULT, "llama_init_from_model") != nullptr;
  const char* words = dlerror();
  std::printf("puts %d, llama %d, %s\n", finds_puts, finds_llama,
              words != nullptr && std::strstr(words, "llama_init_from_model") != nullptr ? "named" : "not named");
  return 0;
}
