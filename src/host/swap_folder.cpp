#include "swap_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <plimsoll/base/error.hpp>

namespace plimsoll::host {
namespace fs = std::filesystem;

// Taken for as long as the process lives, however it ends. Between opening and locking somebody may have swept the file
// away, or made another one at its path: the lock of such a file is nobody's.
class SwapFolder::Lock {
 public:
  Lock(const fs::path& path, int create) : file_(open(path.c_str(), create | O_RDWR | O_CLOEXEC, 0600)) {
    if (file_ < 0 || flock(file_, LOCK_EX | LOCK_NB) != 0)
      error_ = errno;
    else
      held_ = is_at(path);
  }
  ~Lock() {
    if (file_ >= 0) close(file_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  [[nodiscard]] bool held() const noexcept { return held_; }
  // Why there can be no lock; 0: another one has it, or the file is gone.
  [[nodiscard]] int error() const noexcept { return error_ == EWOULDBLOCK || error_ == ENOENT ? 0 : error_; }

 private:
  [[nodiscard]] bool is_at(const fs::path& path) const noexcept {
    struct stat ours{};
    struct stat there{};
    return fstat(file_, &ours) == 0 && stat(path.c_str(), &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
  }

  int file_;
  int error_ = 0;
  bool held_ = false;
};

SwapFolder::SwapFolder(const fs::path& shared) {
  fs::create_directories(shared);
  sweep(shared);
  for (int i = 0; !lock_; ++i) {
    path_ = shared / fmt::format("{}-{}", getpid(), i);
    if (!fs::create_directory(path_)) continue;
    auto lock = std::make_unique<Lock>(path_ / "lock", O_CREAT);
    if (const int error = lock->error(); error != 0) {
      std::error_code ignored;
      fs::remove_all(path_, ignored);
      throw Error(ErrorCode::io, fmt::format("'{}' cannot be locked: {}", path_.string(), std::strerror(error)));
    }
    if (lock->held()) lock_ = std::move(lock);  // else it was swept, and is made anew
  }
}

SwapFolder::~SwapFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path SwapFolder::file_of(std::uint64_t id) const { return path_ / fmt::format("{}.plimsoll", id); }

// What processes that are gone have left: their locks went with them.
void SwapFolder::sweep(const fs::path& shared) {
  for (const fs::directory_entry& entry : fs::directory_iterator(shared)) {
    if (!entry.is_directory()) continue;
    const Lock lock(entry.path() / "lock", 0);  // of a folder that is just being made there is none yet
    std::error_code ignored;
    if (lock.held()) fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace plimsoll::host
