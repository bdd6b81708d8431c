#include "shared_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <plimsoll/base/error.hpp>

namespace plimsoll::worker {
namespace {

[[noreturn]] void fail(const char* what, std::size_t size) {
  throw Error(ErrorCode::io,
              fmt::format("{} bytes could not be {} between two processes: {}", size, what, std::strerror(errno)));
}

}  // namespace

SharedMemory::SharedMemory(kj::AutoCloseFd file, int mapped, std::size_t size) : file_(kj::mv(file)), size_(size) {
  if (size == 0) return;
  void* const at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, mapped, 0);
  if (at == MAP_FAILED) fail("mapped", size);
  data_ = static_cast<std::uint8_t*>(at);
}

// fallocate: what the system cannot give is an error here, and no signal later.
SharedMemory SharedMemory::create(std::size_t size) {
  const int file = memfd_create("plimsoll-conversation", MFD_CLOEXEC);
  if (file < 0) fail("shared", size);
  kj::AutoCloseFd owned(file);
  if (size > 0) {
    const int failure = posix_fallocate(file, 0, static_cast<off_t>(size));
    if (failure != 0) {
      errno = failure;
      fail("shared", size);
    }
  }
  return {kj::mv(owned), file, size};
}

// A file that is shorter than it is said to be would end this process where its end is read.
SharedMemory SharedMemory::map(int file, std::size_t size) {
  struct stat facts{};
  if (fstat(file, &facts) != 0 || std::cmp_less(facts.st_size, size)) {
    errno = EINVAL;
    fail("mapped", size);
  }
  return {kj::AutoCloseFd(), file, size};
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : file_(kj::mv(other.file_)), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SharedMemory::~SharedMemory() {
  if (data_ != nullptr) munmap(data_, size_);
}

}  // namespace plimsoll::worker
