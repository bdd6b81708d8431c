// A file's bytes, mapped for reading; gone with the object.
#pragma once
#include <cstddef>
#include <span>
#include <string>

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
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace plimsoll::engine
