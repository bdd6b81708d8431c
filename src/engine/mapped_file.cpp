#include "mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>

namespace plimsoll::engine {
namespace {

[[noreturn]] void unusable(const std::string& path, const std::string& why) {
  throw Error(ErrorCode::model_unusable, fmt::format("'{}' cannot be used: {}", path, why));
}

}  // namespace

// The system would read a path to its first NUL, and open another file.
MappedFile::MappedFile(const std::string& path) : guard_(path) {
  if (path.contains('\0')) unusable(std::string(path.c_str()) + "\\0…", "a path has no NUL character in it");
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    unusable(path, errno == ENOENT   ? "there is no such file"
                   : errno == EACCES ? "you have no permission to read it"
                                     : std::strerror(errno));
  }
  struct stat facts{};
  const bool known = fstat(file, &facts) == 0;
  std::string why;
  if (!known) {
    why = std::strerror(errno);
  } else if (S_ISDIR(facts.st_mode)) {
    why = "it is a directory, not a model file";
  } else if (!S_ISREG(facts.st_mode)) {
    why = "it is not a regular file";
  } else if (facts.st_size == 0) {
    why = "it is empty";
  } else {
    size_ = static_cast<std::size_t>(facts.st_size);
    void* mapped = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    if (mapped == MAP_FAILED)
      why = std::strerror(errno);
    else
      data_ = static_cast<const std::byte*>(mapped);
  }
  close(file);
  if (data_ == nullptr) unusable(path, why);
}

MappedFile::~MappedFile() { munmap(const_cast<std::byte*>(data_), size_); }

}  // namespace plimsoll::engine
