#include "engine/file_identity.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include "engine/model.hpp"

namespace plimsoll::engine {

std::string file_identity(const std::string& path) {
  std::string text;
  for (const std::string& file : split_files(path)) {
    struct stat facts{};
    if (stat(file.c_str(), &facts) != 0) return {};
    text += fmt::format("{}:{}:{}:{}.{};", facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtim.tv_sec,
                        facts.st_mtim.tv_nsec);
  }
  return text;
}

}  // namespace plimsoll::engine
