// calls: the ways into and out of functions whose parameters are not known: what was in the registers and on the stack
// when one was called, and the same call made again.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace plimsoll::guard {

// What a caller has prepared. calls_x86_64.cpp knows the places of its members.
struct alignas(16) Registers {
  std::uint64_t integers[6];          // rdi, rsi, rdx, rcx, r8, r9: the first six that are no floating point numbers
  unsigned char vectors[8][16];       // xmm0 to xmm7
  const std::uint64_t* on_the_stack;  // a structure that is passed by value, and what has no register
  const void* caller;                 // where the call goes back to

  template <class T>
  [[nodiscard]] T* pointer(std::size_t index) const noexcept {
    return reinterpret_cast<T*>(integers[index]);
  }
};
static_assert(sizeof(Registers) == 192 && offsetof(Registers, on_the_stack) == 176);

// Calls it as it was called, with that many bytes of the caller's stack. What it throws passes through.
extern "C" std::uint64_t plimsoll_guard_call(const void* function, const Registers* registers, std::size_t stack_bytes);

// The words of a call like printf()'s: its format is the argument before `first`.
[[nodiscard]] std::string formatted(const Registers& registers, std::size_t first);

// The entry of a library's function; see llama_names.hpp.
[[nodiscard]] const void* entry_of(std::uint32_t library, std::uint32_t call) noexcept;

// Where the entries lead: llama_calls.cpp. `which`: library times kCallsOfALibrary plus call.
extern "C" std::uint64_t plimsoll_guard_called(std::uint32_t which, const Registers* registers);
// ggml_abort: what is to be called in its place. Throws where a warm-up waits for that.
extern "C" const void* plimsoll_guard_aborting(const Registers* registers);
// dlsym: what answers. It gets the caller as a third argument.
extern "C" const void* plimsoll_guard_dlsym(void* handle, const char* name);

}  // namespace plimsoll::guard
