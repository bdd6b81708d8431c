// Where the entries of llama's functions lead.
#include <cstdio>
#include <cstdlib>

#include "calls.hpp"
#include "guarding.hpp"
#include "llama_library.hpp"

namespace plimsoll::guard {
namespace {

// Nothing can be answered for an engine that is not there.
[[noreturn]] void end_without(const char* name) {
  std::fprintf(stderr, "plimsoll guard: the program calls %s, and no loaded library has it\n", name);
  std::abort();
}

}  // namespace

extern "C" std::uint64_t plimsoll_guard_called(std::uint32_t which, const Registers* registers) {
  const auto call = static_cast<LlamaCall>(which % kCallsOfALibrary);
  const std::uint32_t number = which / kCallsOfALibrary;
  LlamaLibrary* llama = number == kOfTheCaller ? llama_for(registers->caller) : llama_of_number(number);
  if (llama == nullptr || llama->function(call) == nullptr) end_without(kLlamaCalls[which % kCallsOfALibrary]);
  if (!llama->engine().is_guarded() || OwnWork::active())
    return plimsoll_guard_call(llama->function(call), registers, llama->stack_bytes(call));

  const EngineHere here(llama->engine());
  switch (call) {
    case LlamaCall::model_load_from_file:
    case LlamaCall::model_load_from_splits:
    case LlamaCall::model_load_from_file_ptr:
    case LlamaCall::model_init_from_user:
      return contexts().load_model(*llama, call, *registers);
    case LlamaCall::adapter_lora_init:
      return contexts().load_adapter(*llama, call, *registers);
    case LlamaCall::init_from_model:
      return contexts().make_context(*llama, call, *registers);
    case LlamaCall::decode:
    case LlamaCall::encode:
    case LlamaCall::process:
      return contexts().compute(*llama, call, *registers);
    case LlamaCall::free_context:
      return contexts().free_context(*llama, call, *registers);
    case LlamaCall::model_free:
      return contexts().free_model(*llama, call, *registers);
    default:
      return contexts().change(*llama, call, *registers);
  }
}

}  // namespace plimsoll::guard
