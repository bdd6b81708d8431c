// SlotFiles: the files that /slots saves conversations to and restores them from.
#pragma once
#include <filesystem>
#include <string>

#include "api_keys.hpp"

namespace plimsoll::server {

// Any thread; the keys outlive it. Each owner (an API key) has files of its own. Nobody reaches another folder by a
// file's name.
class SlotFiles {
 public:
  SlotFiles(std::filesystem::path folder, const ApiKeys& keys) : folder_(std::move(folder)), keys_(keys) {}

  [[nodiscard]] bool any() const noexcept { return !folder_.empty(); }
  // Throws api::Problem: 501 where no folder was given, 400 where the name is not one of a file.
  [[nodiscard]] std::filesystem::path path_of(const std::string& name, const std::string& owner) const;

 private:
  std::filesystem::path folder_;
  const ApiKeys& keys_;
};

// One that is a name and nothing else: no way into another folder, no letter that a file system or a terminal reads in
// its own way, valid UTF-8, 200 bytes at most.
[[nodiscard]] bool is_file_name(const std::string& name);

}  // namespace plimsoll::server
