// libraries: which library a caller would have called without the guard. A process may have several engines.
#pragma once
#include <string>
#include <vector>

namespace plimsoll::guard {

// The C library's own dlsym(), past the guard's.
[[nodiscard]] void* real_dlsym(void* handle, const char* name) noexcept;
[[nodiscard]] const void* real_dlsym_itself() noexcept;

// A loaded library. It stays loaded from the first time that it was asked for.
struct Library {
  void* handle = nullptr;  // null: there is no such library
  std::string file;        // empty: the program itself
};
// The one that has this code; none where it belongs to no library (code that was made while the program runs).
[[nodiscard]] Library library_of(const void* code);
[[nodiscard]] std::vector<Library> all_libraries();

// The function as that library calls it, past the guard; null: it has none, and dlerror() does not tell.
[[nodiscard]] void* function_for(const Library& library, const char* name);

// The place of a library that has the code, the same for all code of it; null: it belongs to none. Costs little.
[[nodiscard]] const void* place_of(const void* code) noexcept;
// Whether it is one of the guard's own functions.
[[nodiscard]] bool is_ours(const void* function) noexcept;

}  // namespace plimsoll::guard
