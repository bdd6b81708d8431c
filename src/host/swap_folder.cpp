#include "swap_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <system_error>

namespace plimsoll::host {
namespace fs = std::filesystem;

// Taken for as long as the process lives, however it ends.
class SwapFolder::Lock {
 public:
  explicit Lock(const fs::path& path) : file_(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)) {
    held_ = file_ >= 0 && flock(file_, LOCK_EX | LOCK_NB) == 0;
  }
  ~Lock() {
    if (file_ >= 0) close(file_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  [[nodiscard]] bool held() const noexcept { return held_; }

 private:
  int file_;
  bool held_ = false;
};

SwapFolder::SwapFolder(const fs::path& shared) {
  fs::create_directories(shared);
  sweep(shared);
  for (int i = 0; !lock_; ++i) {
    path_ = shared / fmt::format("{}-{}", getpid(), i);
    if (!fs::create_directory(path_)) continue;
    lock_ = std::make_unique<Lock>(path_ / "lock");
    if (!lock_->held()) lock_.reset();
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
    if (!entry.is_directory() || !fs::exists(entry.path() / "lock")) continue;
    const Lock lock(entry.path() / "lock");
    std::error_code ignored;
    if (lock.held()) fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace plimsoll::host
