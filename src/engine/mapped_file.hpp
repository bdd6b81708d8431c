// A file's bytes, mapped for reading; gone with the object. What is cut away meanwhile reads as zeros.
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "mapped_fault.hpp"

namespace plimsoll::engine {

class MappedFile {
 public:
  // Throws Error{model_unusable} with the reason.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  GuardedFile guard_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace plimsoll::engine
