// The library is preloaded into programs of older systems, from glibc 2.35 on (Debian 12, Ubuntu 22.04). The compiler
// makes of strtol() a name that came with glibc 2.38 (C23's, which also reads "0b1"), here and in the C++ runtime that
// is linked in. Those names are defined here, by the ones that every glibc has.
extern "C" {

long plain_strtol(const char* text, char** end, int base) noexcept __asm__("strtol");
unsigned long plain_strtoul(const char* text, char** end, int base) noexcept __asm__("strtoul");

// NOLINTBEGIN(bugprone-reserved-identifier): the names are the C library's
[[gnu::visibility("hidden")]] long __isoc23_strtol(const char* text, char** end, int base) noexcept;
[[gnu::visibility("hidden")]] unsigned long __isoc23_strtoul(const char* text, char** end, int base) noexcept;

long __isoc23_strtol(const char* text, char** end, int base) noexcept { return plain_strtol(text, end, base); }
unsigned long __isoc23_strtoul(const char* text, char** end, int base) noexcept {
  return plain_strtoul(text, end, base);
}
// NOLINTEND(bugprone-reserved-identifier)

}  // extern "C"
