// FakeBufferType: a buffer type that gets its buffers as a test says, as types do that delegate to another one.
#pragma once
#include <ggml-backend.h>

#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>

namespace plimsoll::tracker {

// The engine installs no header that lets a program make a buffer type of its own. The members of ggml 0.27's, in their
// order; the constructor proves that they are still these.
class FakeBufferType {
 public:
  using Allocate = std::function<ggml_backend_buffer_t(std::size_t bytes)>;

  FakeBufferType(std::string name, Allocate allocate) : name_(std::move(name)), allocate_(std::move(allocate)) {
    layout_ = {.get_name = [](Type type) { return self(type).name_.c_str(); },
               .alloc_buffer = [](Type type, std::size_t bytes) { return self(type).allocate_(bytes); },
               .alloc_buffer_n = nullptr,
               .get_alignment = [](Type) { return kAlignment; },
               .get_max_size = nullptr,
               .get_alloc_size = nullptr,
               .get_alloc_size_n = nullptr,
               .is_host = [](Type) { return true; },
               .device = nullptr,
               .context = this};
    const bool same = ggml_backend_buft_name(get()) == name_ && ggml_backend_buft_get_alignment(get()) == kAlignment &&
                      ggml_backend_buft_is_host(get()) && ggml_backend_buft_get_device(get()) == nullptr;
    if (!same) throw std::logic_error("ggml's buffer types have other members now: see fake_buffer_type.hpp");
  }
  FakeBufferType(const FakeBufferType&) = delete;
  FakeBufferType& operator=(const FakeBufferType&) = delete;

  [[nodiscard]] ggml_backend_buffer_type_t get() { return reinterpret_cast<ggml_backend_buffer_type_t>(&layout_); }

 private:
  using Type = ggml_backend_buffer_type_t;
  static constexpr std::size_t kAlignment = 64;
  struct Layout {
    const char* (*get_name)(Type);
    ggml_backend_buffer_t (*alloc_buffer)(Type, std::size_t);
    ggml_backend_buffer_t (*alloc_buffer_n)(Type, ggml_tensor**, int);
    std::size_t (*get_alignment)(Type);
    std::size_t (*get_max_size)(Type);
    std::size_t (*get_alloc_size)(Type, const ggml_tensor*);
    std::size_t (*get_alloc_size_n)(Type, ggml_tensor**, int);
    bool (*is_host)(Type);
    ggml_backend_dev_t device;
    void* context;
  };
  static FakeBufferType& self(Type type) {
    return *static_cast<FakeBufferType*>(reinterpret_cast<Layout*>(type)->context);
  }

  std::string name_;
  Allocate allocate_;
  Layout layout_{};
};

}  // namespace plimsoll::tracker
