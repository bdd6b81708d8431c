#include "report_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace plimsoll::guard {
namespace {

constexpr mode_t kMode = 0644;

// A file that has something in it is another process's report.
bool is_free(int descriptor) {
  struct stat facts{};
  return flock(descriptor, LOCK_EX | LOCK_NB) == 0 && fstat(descriptor, &facts) == 0 && facts.st_size == 0;
}

}  // namespace

bool ReportFile::open(const std::string& path) {
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode);
  if (descriptor_ >= 0 && is_free(descriptor_)) return true;
  if (descriptor_ >= 0) close(descriptor_);
  const std::string own = path + "." + std::to_string(getpid());
  descriptor_ = ::open(own.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
  return descriptor_ >= 0;
}

void ReportFile::write(const std::string& text) noexcept {
  if (descriptor_ < 0) return;
  const int before = errno;
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t now = pwrite(descriptor_, text.data() + written, text.size() - written, static_cast<off_t>(written));
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0) break;
    written += static_cast<std::size_t>(now);
  }
  (void)!ftruncate(descriptor_, static_cast<off_t>(written));
  errno = before;
}

void ReportFile::leave() noexcept {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
}

}  // namespace plimsoll::guard
