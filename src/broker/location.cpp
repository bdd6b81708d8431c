#include "location.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

namespace plimsoll::broker {
namespace {

std::optional<struct stat> folder(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) return std::nullopt;
  return found;
}

// Who may write into the folder may read and write the file.
mode_t mode_in(const struct stat& of_folder) {
  mode_t mode = S_IRUSR | S_IWUSR;
  if ((of_folder.st_mode & S_IWGRP) != 0) mode |= S_IRGRP | S_IWGRP;
  if ((of_folder.st_mode & S_IWOTH) != 0) mode |= S_IROTH | S_IWOTH;
  return mode;
}

Location given(std::string path) {
  if (const auto as_folder = folder(path))
    return {.path = path + "/ledger", .for_all = true, .mode = mode_in(*as_folder)};
  const auto parent = folder(std::filesystem::path(path).parent_path().string());
  // In a folder where everybody may make files of his own (/tmp, /dev/shm) a file is its maker's.
  const bool is_makers = !parent || (parent->st_mode & S_ISVTX) != 0;
  return {.path = std::move(path), .for_all = true, .mode = is_makers ? 0600 : mode_in(*parent)};
}

}  // namespace

std::string asked_by_environment() {
  const char* value = ::secure_getenv(kVariable);
  return value == nullptr ? "" : value;
}

std::vector<Location> locations(std::string_view asked) {
  if (asked == kOff) return {};
  if (!asked.empty()) return {given(std::string(asked))};
  std::vector<Location> out;
  if (const auto for_all = folder(kFolderForAll); for_all && for_all->st_uid == 0)
    out.push_back({.path = std::string(kFolderForAll) + "/ledger", .for_all = true, .mode = mode_in(*for_all)});
  const std::string uid = std::to_string(::geteuid());
  out.push_back({.path = "/dev/shm/plimsoll-" + uid});
  if (const char* runtime = ::secure_getenv("XDG_RUNTIME_DIR"); runtime != nullptr && *runtime == '/')
    out.push_back({.path = fmt::format("{}/plimsoll-ledger", runtime)});
  return out;
}

}  // namespace plimsoll::broker
