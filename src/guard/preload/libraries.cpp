#include "libraries.hpp"

#include <dlfcn.h>
#include <link.h>

#include <cstdio>
#include <cstdlib>

namespace plimsoll::guard {
namespace {

using Dlsym = void* (*)(void*, const char*);

// Versions of the C library under which it has been there: newer, x86-64's first, others'.
Dlsym find_real_dlsym() noexcept {
  for (const char* version : {"GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.17"}) {
    if (void* found = dlvsym(RTLD_NEXT, "dlsym", version)) return reinterpret_cast<Dlsym>(found);
  }
  std::fputs("plimsoll guard: the C library has no dlsym that is known; the guard cannot be here\n", stderr);
  std::abort();
}

Library opened(const char* name) {
  const bool is_program = name == nullptr || *name == '\0';
  void* handle = dlopen(is_program ? nullptr : name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  if (handle == nullptr) (void)dlerror();
  return {.handle = handle, .file = is_program ? "" : name};
}

int collect_name(dl_phdr_info* info, std::size_t, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(info->dlpi_name);
  return 0;
}

Dlsym the_real_one() noexcept {
  static const Dlsym real = find_real_dlsym();
  return real;
}

}  // namespace

void* real_dlsym(void* handle, const char* name) noexcept { return the_real_one()(handle, name); }
const void* real_dlsym_itself() noexcept { return reinterpret_cast<const void*>(the_real_one()); }

const void* place_of(const void* code) noexcept {
  dl_find_object found{};
  return _dl_find_object(const_cast<void*>(code), &found) == 0 ? found.dlfo_link_map : nullptr;
}

bool is_ours(const void* function) noexcept {
  static const void* const us = place_of(reinterpret_cast<const void*>(&is_ours));
  return function != nullptr && place_of(function) == us;
}

Library library_of(const void* code) {
  const auto* map = static_cast<const link_map*>(place_of(code));
  return map == nullptr ? Library{} : opened(map->l_name);
}

// Names first: nothing may be opened while the list is held.
std::vector<Library> all_libraries() {
  std::vector<std::string> names;
  dl_iterate_phdr(collect_name, &names);
  std::vector<Library> libraries;
  for (const std::string& name : names) {
    if (Library library = opened(name.c_str()); library.handle != nullptr) libraries.push_back(std::move(library));
  }
  return libraries;
}

// The program finds the guard's own first, and what comes after the guard is what it would have found; also where it
// has a function of that name itself, since it stands before the engine then, as we do (plimsoll's own hook).
void* function_for(const Library& library, const char* name) {
  if (library.handle == nullptr) return nullptr;
  void* found = library.file.empty() ? real_dlsym(RTLD_NEXT, name) : nullptr;
  if (found == nullptr) found = real_dlsym(library.handle, name);
  if (is_ours(found)) found = real_dlsym(RTLD_NEXT, name);
  if (is_ours(found)) found = nullptr;
  if (found == nullptr) (void)dlerror();  // nobody asked for this but us
  return found;
}

}  // namespace plimsoll::guard
