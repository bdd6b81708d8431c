// TempFolder: a folder of a test's own, gone with it.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

namespace plimsoll::test {

class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] std::string path(std::string_view name) const { return (folder_ / name).string(); }
  // Writes a file and gives its path.
  std::string write(std::string_view name, std::string_view bytes) const;

 private:
  std::filesystem::path folder_;
};

[[nodiscard]] std::string read_whole_file(const std::string& path);

}  // namespace plimsoll::test
