// Engine: one build of ggml in this process: where its functions are, which version it is, and whether it is guarded.
#pragma once
#include <ggml-alloc.h>
#include <ggml-backend.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "tracker/hook/real.hpp"

#include "libraries.hpp"

namespace plimsoll::guard {

// What the guard asks an engine by name, beside what it stands before.
#define PLIMSOLL_GGML_FUNCTIONS(X)  \
  X(ggml_backend_buffer_clear)      \
  X(ggml_backend_buffer_get_size)   \
  X(ggml_backend_buffer_get_type)   \
  X(ggml_backend_buffer_is_host)    \
  X(ggml_backend_buft_get_device)   \
  X(ggml_backend_buft_get_max_size) \
  X(ggml_backend_buft_is_host)      \
  X(ggml_backend_buft_name)         \
  X(ggml_backend_dev_backend_reg)   \
  X(ggml_backend_dev_by_name)       \
  X(ggml_backend_dev_count)         \
  X(ggml_backend_dev_description)   \
  X(ggml_backend_dev_get)           \
  X(ggml_backend_dev_get_props)     \
  X(ggml_backend_dev_memory)        \
  X(ggml_backend_dev_name)          \
  X(ggml_backend_dev_type)          \
  X(ggml_backend_reg_name)

struct GgmlFunctions {
#define PLIMSOLL_MEMBER(name) decltype(&::name) name = nullptr;
  PLIMSOLL_GGML_FUNCTIONS(PLIMSOLL_MEMBER)
#undef PLIMSOLL_MEMBER
};

class Engine {
 public:
  // `library` calls ggml, or is it.
  explicit Engine(const Library& library);

  [[nodiscard]] const hook::RealFunctions& real() const noexcept { return real_; }
  [[nodiscard]] const GgmlFunctions& ggml() const noexcept { return ggml_; }
  [[nodiscard]] const void* abort() const noexcept { return abort_; }
  [[nodiscard]] const std::string& file() const noexcept { return file_; }
  [[nodiscard]] const std::string& version() const noexcept { return version_; }

  // A sentence without a full stop; empty: it is guarded. `any`: whatever its version.
  [[nodiscard]] std::string why_not(bool any) const;
  [[nodiscard]] bool is_guarded() const noexcept { return guarded_.load(std::memory_order_relaxed); }
  void guard(bool guarded) noexcept { guarded_.store(guarded, std::memory_order_relaxed); }

 private:
  void find_functions(const Library& library);

  hook::RealFunctions real_{};
  GgmlFunctions ggml_;
  const void* abort_ = nullptr;
  std::string file_;
  std::string version_;
  std::string missing_;  // a function that it has not
  std::atomic<bool> guarded_ = false;
};

// Of the library that has this code, the engine that it calls; where the code belongs to none, the first that there is.
// Null: there is none. Remembered: costs little.
[[nodiscard]] Engine* engine_for(const void* code);
// By its number, for entries that were handed out; null: there is none of it.
[[nodiscard]] Engine* engine_of_number(std::uint32_t number) noexcept;
void hold_engines();  // around a fork: see forking.hpp
void let_go_engines();
// kMostLibraries: it has none.
[[nodiscard]] std::uint32_t number_of(const Engine& engine) noexcept;

// Says which engine the functions of ggml's names (ggml_names.cpp) lead to on this thread, while it lives. Nests.
class EngineHere {
 public:
  explicit EngineHere(const Engine& engine) noexcept;
  ~EngineHere();
  EngineHere(const EngineHere&) = delete;
  EngineHere& operator=(const EngineHere&) = delete;
  // Throws Error{internal} where none does.
  [[nodiscard]] static const Engine& current();
  [[nodiscard]] static bool is_there() noexcept;

 private:
  const Engine* previous_;
};

}  // namespace plimsoll::guard
