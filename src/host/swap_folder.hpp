// SwapFolder: a folder of this process inside the one that all share. It goes with the process, however that ends:
// the next one deletes what it left.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>

namespace plimsoll::host {

// Any thread.
class SwapFolder {
 public:
  // Throws Error{io} where it cannot be locked, and std::filesystem::filesystem_error.
  explicit SwapFolder(const std::filesystem::path& shared);
  ~SwapFolder();
  SwapFolder(const SwapFolder&) = delete;
  SwapFolder& operator=(const SwapFolder&) = delete;
  [[nodiscard]] std::filesystem::path file_of(std::uint64_t id) const;

 private:
  class Lock;
  static void sweep(const std::filesystem::path& shared);

  std::filesystem::path path_;
  std::unique_ptr<Lock> lock_;
};

}  // namespace plimsoll::host
