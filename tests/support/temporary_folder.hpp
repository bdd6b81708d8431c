// TemporaryFolder: an empty folder of a test's own, removed with everything in it.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace plimsoll::test {

class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::string path(std::string_view name) const { return path_ / name; }
  [[nodiscard]] std::string operator/(std::string_view name) const { return path(name); }

  // Writes a file, with the folders on the way to it; its path.
  std::string write(const std::filesystem::path& name, std::string_view bytes) const;

 private:
  std::filesystem::path path_;
};

[[nodiscard]] std::string read_whole_file(const std::string& path);

}  // namespace plimsoll::test
