// SharedMemory: bytes in a file without a name, which two processes map: what is large does not go through a socket.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include <kj/io.h>

namespace plimsoll::worker {

// One thread.
class SharedMemory {
 public:
  // Of that many bytes. Throws Error{io} where the system has no memory or descriptor for it.
  [[nodiscard]] static SharedMemory create(std::size_t size);
  // What another process has made; the descriptor stays the caller's. Throws Error{io}.
  [[nodiscard]] static SharedMemory map(int file, std::size_t size);
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&&) = delete;
  ~SharedMemory();

  [[nodiscard]] std::span<std::uint8_t> bytes() noexcept { return {data_, size_}; }
  [[nodiscard]] kj::AutoCloseFd take_file() noexcept { return kj::mv(file_); }  // of create(); the mapping stays

 private:
  SharedMemory(kj::AutoCloseFd file, int mapped, std::size_t size);
  kj::AutoCloseFd file_;
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace plimsoll::worker
