// The ways in and out, in the calling convention of x86-64 (System V). Every entry keeps all argument registers, and
// all of them can be unwound through: what an engine throws passes by.
#include "calls.hpp"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "llama_names.hpp"

asm(R"(
.text

# r11d: which. Goes on in plimsoll_guard_called() with what the caller has prepared.
.type plimsoll_guard_enter,@function
plimsoll_guard_enter:
  .cfi_startproc
  pushq %rbp
  .cfi_def_cfa_offset 16
  .cfi_offset %rbp, -16
  movq %rsp, %rbp
  .cfi_def_cfa_register %rbp
  subq $192, %rsp
  movq %rdi, 0(%rsp)
  movq %rsi, 8(%rsp)
  movq %rdx, 16(%rsp)
  movq %rcx, 24(%rsp)
  movq %r8, 32(%rsp)
  movq %r9, 40(%rsp)
  movaps %xmm0, 48(%rsp)
  movaps %xmm1, 64(%rsp)
  movaps %xmm2, 80(%rsp)
  movaps %xmm3, 96(%rsp)
  movaps %xmm4, 112(%rsp)
  movaps %xmm5, 128(%rsp)
  movaps %xmm6, 144(%rsp)
  movaps %xmm7, 160(%rsp)
  leaq 16(%rbp), %rax
  movq %rax, 176(%rsp)
  movq 8(%rbp), %rax
  movq %rax, 184(%rsp)
  movl %r11d, %edi
  movq %rsp, %rsi
  call plimsoll_guard_called
  leave
  .cfi_def_cfa %rsp, 8
  ret
  .cfi_endproc
.size plimsoll_guard_enter, .-plimsoll_guard_enter

.type plimsoll_guard_call,@function
.globl plimsoll_guard_call
.hidden plimsoll_guard_call
plimsoll_guard_call:
  .cfi_startproc
  endbr64
  pushq %rbp
  .cfi_def_cfa_offset 16
  .cfi_offset %rbp, -16
  movq %rsp, %rbp
  .cfi_def_cfa_register %rbp
  movq %rdi, %r11
  movq %rsi, %r10
  movq %rdx, %rcx
  addq $15, %rdx
  andq $-16, %rdx
  subq %rdx, %rsp
  shrq $3, %rcx
  movq 176(%r10), %rsi
  movq %rsp, %rdi
  rep movsq
  movaps 48(%r10), %xmm0
  movaps 64(%r10), %xmm1
  movaps 80(%r10), %xmm2
  movaps 96(%r10), %xmm3
  movaps 112(%r10), %xmm4
  movaps 128(%r10), %xmm5
  movaps 144(%r10), %xmm6
  movaps 160(%r10), %xmm7
  movq 0(%r10), %rdi
  movq 8(%r10), %rsi
  movq 16(%r10), %rdx
  movq 24(%r10), %rcx
  movq 32(%r10), %r8
  movq 40(%r10), %r9
  call *%r11
  leave
  .cfi_def_cfa %rsp, 8
  ret
  .cfi_endproc
.size plimsoll_guard_call, .-plimsoll_guard_call

# Takes any number of arguments, so rax has the number of vector registers in use; goes on in what it is told.
.type ggml_abort,@function
.globl ggml_abort
ggml_abort:
  .cfi_startproc
  endbr64
  pushq %rbp
  .cfi_def_cfa_offset 16
  .cfi_offset %rbp, -16
  movq %rsp, %rbp
  .cfi_def_cfa_register %rbp
  subq $208, %rsp
  movq %rdi, 0(%rsp)
  movq %rsi, 8(%rsp)
  movq %rdx, 16(%rsp)
  movq %rcx, 24(%rsp)
  movq %r8, 32(%rsp)
  movq %r9, 40(%rsp)
  movaps %xmm0, 48(%rsp)
  movaps %xmm1, 64(%rsp)
  movaps %xmm2, 80(%rsp)
  movaps %xmm3, 96(%rsp)
  movaps %xmm4, 112(%rsp)
  movaps %xmm5, 128(%rsp)
  movaps %xmm6, 144(%rsp)
  movaps %xmm7, 160(%rsp)
  movq %rax, 192(%rsp)
  leaq 16(%rbp), %rax
  movq %rax, 176(%rsp)
  movq 8(%rbp), %rax
  movq %rax, 184(%rsp)
  movq %rsp, %rdi
  call plimsoll_guard_aborting
  movq %rax, %r11
  movq 0(%rsp), %rdi
  movq 8(%rsp), %rsi
  movq 16(%rsp), %rdx
  movq 24(%rsp), %rcx
  movq 32(%rsp), %r8
  movq 40(%rsp), %r9
  movaps 48(%rsp), %xmm0
  movaps 64(%rsp), %xmm1
  movaps 80(%rsp), %xmm2
  movaps 96(%rsp), %xmm3
  movaps 112(%rsp), %xmm4
  movaps 128(%rsp), %xmm5
  movaps 144(%rsp), %xmm6
  movaps 160(%rsp), %xmm7
  movq 192(%rsp), %rax
  leave
  .cfi_def_cfa %rsp, 8
  jmp *%r11
  .cfi_endproc
.size ggml_abort, .-ggml_abort

# Jumps, so that the C library's own sees who has called: RTLD_NEXT means "after the caller".
.type dlsym,@function
.globl dlsym
dlsym:
  .cfi_startproc
  endbr64
  pushq %rdi
  .cfi_adjust_cfa_offset 8
  pushq %rsi
  .cfi_adjust_cfa_offset 8
  subq $8, %rsp
  .cfi_adjust_cfa_offset 8
  call plimsoll_guard_dlsym
  addq $8, %rsp
  .cfi_adjust_cfa_offset -8
  popq %rsi
  .cfi_adjust_cfa_offset -8
  popq %rdi
  .cfi_adjust_cfa_offset -8
  movq (%rsp), %rdx
  jmp *%rax
  .cfi_endproc
.size dlsym, .-dlsym

# For functions that were asked for by dlsym(): one for each library and call, 16 bytes apart.
.balign 16
.type plimsoll_guard_entries,@function
plimsoll_guard_entries:
  .cfi_startproc
  .set which, 0
  .rept 256
  .balign 16
  endbr64
  movl $which, %r11d
  jmp plimsoll_guard_enter
  .set which, which + 1
  .endr
  .cfi_endproc
.size plimsoll_guard_entries, .-plimsoll_guard_entries

# For callers that the dynamic linker has led here: library 8.
.macro PLIMSOLL_ENTRY name, call
.type \name,@function
.globl \name
\name:
  .cfi_startproc
  endbr64
  movl $(8 * 32 + \call), %r11d
  jmp plimsoll_guard_enter
  .cfi_endproc
.size \name, .-\name
.endm
PLIMSOLL_ENTRY llama_model_load_from_file, 0
PLIMSOLL_ENTRY llama_model_load_from_splits, 1
PLIMSOLL_ENTRY llama_model_load_from_file_ptr, 2
PLIMSOLL_ENTRY llama_model_init_from_user, 3
PLIMSOLL_ENTRY llama_adapter_lora_init, 4
PLIMSOLL_ENTRY llama_init_from_model, 5
PLIMSOLL_ENTRY llama_decode, 6
PLIMSOLL_ENTRY llama_encode, 7
PLIMSOLL_ENTRY llama_process, 8
PLIMSOLL_ENTRY llama_free, 9
PLIMSOLL_ENTRY llama_model_free, 10
PLIMSOLL_ENTRY llama_set_adapters_lora, 11
PLIMSOLL_ENTRY llama_set_adapter_lora, 12
PLIMSOLL_ENTRY llama_rm_adapter_lora, 13
PLIMSOLL_ENTRY llama_clear_adapter_lora, 14
PLIMSOLL_ENTRY llama_set_adapter_cvec, 15
PLIMSOLL_ENTRY llama_apply_adapter_cvec, 16
PLIMSOLL_ENTRY llama_set_embeddings, 17
PLIMSOLL_ENTRY llama_set_causal_attn, 18
PLIMSOLL_ENTRY llama_set_sampler, 19
PLIMSOLL_ENTRY llama_set_warmup, 20
)");

namespace plimsoll::guard {

extern "C" __attribute__((visibility("hidden"))) const unsigned char plimsoll_guard_entries[];

static_assert(kMostLibraries * kCallsOfALibrary == 256 && kOfTheCaller == 8 && kCallsOfALibrary == 32);

// Our registers lie as the calling convention has them saved for va_arg().
std::string formatted(const Registers& registers, std::size_t first) {
  struct Arguments {
    unsigned int integers_at;
    unsigned int vectors_at;
    const void* on_the_stack;
    const void* registers;
  };
  constexpr unsigned int kRegister = 8;
  constexpr unsigned int kVectorsAt = 48;
  const Arguments ours{.integers_at = static_cast<unsigned int>(first) * kRegister,
                       .vectors_at = kVectorsAt,
                       .on_the_stack = registers.on_the_stack,
                       .registers = &registers};
  std::va_list arguments;
  static_assert(sizeof(arguments) == sizeof(ours) && offsetof(Registers, vectors) == kVectorsAt);
  std::memcpy(static_cast<void*>(arguments), &ours, sizeof(ours));
  const auto* format = registers.pointer<const char>(first - 1);
  std::array<char, 512> words{};
  if (format != nullptr) (void)std::vsnprintf(words.data(), words.size(), format, arguments);
  return words.data();
}

const void* entry_of(std::uint32_t library, std::uint32_t call) noexcept {
  constexpr std::size_t kApart = 16;
  return plimsoll_guard_entries + kApart * (std::size_t{library} * kCallsOfALibrary + call);
}

}  // namespace plimsoll::guard
