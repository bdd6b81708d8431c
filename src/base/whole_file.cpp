#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>

#include <plimsoll/base/error.hpp>
#include "base/whole_file.hpp"

namespace plimsoll {
namespace {

[[noreturn]] void io_error(const std::string& path) {
  throw Error(ErrorCode::io, fmt::format("'{}' could not be written: {}", path, std::strerror(errno)));
}

void write_all(int file, std::span<const std::byte> bytes, const std::string& path) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t count = ::write(file, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) io_error(path);
    done += static_cast<std::size_t>(count);
  }
}

class File {
 public:
  File(const std::string& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) io_error(path);
  }
  ~File() { ::close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

// Processes in containers have numbers alike, so the moment is part of it.
std::string unfinished_name(const std::string& path) {
  static std::atomic<unsigned> count = 0;
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return fmt::format("{}.{}.{:x}.{}.tmp", path, getpid(), now, count.fetch_add(1));
}

void sync_folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // one may write into folders that one may not read
  const bool failed = fsync(descriptor) != 0 && errno == EIO;
  ::close(descriptor);
  if (failed) {
    errno = EIO;
    io_error(path);
  }
}

void write_whole_file(const std::string& path, const std::function<void(const Sink&)>& write) {
  const auto into = [&](const File& file) {
    write([&](std::span<const std::byte> bytes) { write_all(file.descriptor(), bytes, path); });
  };
  struct stat facts{};
  if (stat(path.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode)) {  // a pipe or a device: nothing to put in its place
    return into(File(path, O_WRONLY));
  }
  const std::string unfinished = unfinished_name(path);
  try {
    const File file(unfinished, O_WRONLY | O_CREAT | O_EXCL);
    into(file);
    if (fsync(file.descriptor()) != 0 || rename(unfinished.c_str(), path.c_str()) != 0) io_error(path);
  } catch (...) {
    unlink(unfinished.c_str());
    throw;
  }
  sync_folder_of(path);
}

void write_whole_file(const std::string& path, std::string_view text) {
  write_whole_file(path, [&](const Sink& sink) { sink(std::as_bytes(std::span(text))); });
}

}  // namespace plimsoll
