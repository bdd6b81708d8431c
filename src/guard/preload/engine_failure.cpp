#include "engine_failure.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "calls.hpp"
#include "engine.hpp"
#include "libraries.hpp"

namespace plimsoll::guard {
namespace {

// Waits on its thread for the engine to give up, and keeps what it says.
class WaitingForAbort {
 public:
  explicit WaitingForAbort(const Library& library) noexcept
      : library_(library), previous_(std::exchange(waiting_here, this)) {}
  ~WaitingForAbort() { waiting_here = previous_; }
  WaitingForAbort(const WaitingForAbort&) = delete;
  WaitingForAbort& operator=(const WaitingForAbort&) = delete;

  [[nodiscard]] static WaitingForAbort* here() noexcept { return waiting_here; }
  [[nodiscard]] const std::string& words() const noexcept { return words_; }

  // Leaves the engine by an exception of its own runtime, so that its functions are unwound by the unwinder that they
  // know; by one of ours where it has none that can be found.
  [[noreturn]] void leave(std::string words) {
    words_ = std::move(words);
    using Throws = void (*)(const char*);
    if (auto* throws = reinterpret_cast<Throws>(function_for(library_, "_ZSt21__throw_runtime_errorPKc")))
      throws(words_.c_str());
    throw GaveUp(words_);
  }

 private:
  static thread_local WaitingForAbort* waiting_here;

  const Library& library_;
  WaitingForAbort* previous_;
  std::string words_;
};
thread_local WaitingForAbort* WaitingForAbort::waiting_here = nullptr;

// The first members of what every C++ runtime here keeps for a thread (Itanium C++ ABI, 2.2.2).
struct ThreadsExceptions {
  void* caught = nullptr;
  unsigned int uncaught = 0;
};

// An exception counts as on its way in the runtime that threw it until that one has caught it; ours has, and did not
// tell. std::uncaught_exceptions() of the engine's runtime would be wrong on this thread for ever.
class UncaughtCount {
 public:
  explicit UncaughtCount(const Library& library) {
    using Get = ThreadsExceptions* (*)();
    if (auto* get = reinterpret_cast<Get>(function_for(library, "__cxa_get_globals"))) exceptions_ = get();
    if (exceptions_ != nullptr) before_ = exceptions_->uncaught;
  }
  void restore() noexcept {
    if (exceptions_ != nullptr) exceptions_->uncaught = before_;
  }

 private:
  ThreadsExceptions* exceptions_ = nullptr;
  unsigned int before_ = 0;
};

// "vk::Device::allocateMemory: ErrorOutOfDeviceMemory", "CUDA error: out of memory".
bool is_about_memory(std::string_view words) {
  for (const std::string_view sign : {"OutOfDeviceMemory", "OutOfHostMemory", "OutOfPoolMemory", "out of memory",
                                      "failed to allocate", "bad_alloc"}) {
    if (words.contains(sign)) return true;
  }
  return false;
}

[[noreturn]] void throw_as_ours(const char* words) {
  throw Error(is_about_memory(words) ? ErrorCode::out_of_device_memory : ErrorCode::engine_failed, words);
}

}  // namespace

void contained(const Library& library, const std::function<void()>& work) {
  UncaughtCount uncaught(library);
  const WaitingForAbort waiting(library);
  std::string words;
  try {
    work();
    return;
  } catch (const Error&) {  // ours: thrown and caught by our runtime
    throw;
  } catch (const std::bad_alloc&) {
    words = "the host has no memory left (bad_alloc)";
  } catch (const std::exception& error) {
    words = error.what();
  } catch (...) {
    words = "the engine threw something that has no words";
  }
  uncaught.restore();
  if (!waiting.words().empty()) throw GaveUp(waiting.words());
  throw_as_ours(words.c_str());
}

void get_ready_to_catch() noexcept {
  try {
    throw GaveUp("");
  } catch (const GaveUp&) {  // NOLINT(bugprone-empty-catch): the tables are made
  }
}

// ggml_abort(file, line, format, ...).
extern "C" const void* plimsoll_guard_aborting(const Registers* registers) {
  if (WaitingForAbort* waiting = WaitingForAbort::here()) {
    constexpr std::size_t kArguments = 3;
    waiting->leave(fmt::format("the engine gave up at {}:{}: {}", registers->pointer<const char>(0),
                               static_cast<int>(registers->integers[1]), formatted(*registers, kArguments)));
  }
  Engine* engine = engine_for(registers->caller);
  if (engine != nullptr && engine->abort() != nullptr) return engine->abort();
  return reinterpret_cast<const void*>(&std::abort);
}

}  // namespace plimsoll::guard
