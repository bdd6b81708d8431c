// TemporaryFolder: an empty folder of a test's own, removed with everything in it.
#pragma once
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace plimsoll {

class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::string operator/(std::string_view name) const { return path_ / name; }

  // Writes a file, with the folders on the way to it.
  void write(const std::filesystem::path& name, std::string_view text) const;

 private:
  std::filesystem::path path_;
};

}  // namespace plimsoll
