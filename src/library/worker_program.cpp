#include "worker_program.hpp"

#include <unistd.h>

#include <cstdlib>
#include <ranges>
#include <string_view>

#include "base/own_program.hpp"

namespace plimsoll::library {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "plimsoll";
constexpr int kMostFoldersUp = 4;  // prefix/lib/x86_64-linux-gnu/libplimsoll.so

bool can_be_run(const fs::path& file) {
  std::error_code error;
  return fs::is_regular_file(file, error) && access(file.c_str(), X_OK) == 0;
}

fs::path program_in_path() {
  const char* const path = std::getenv("PATH");
  if (path == nullptr) return {};
  for (const auto part : std::string_view(path) | std::views::split(':')) {
    const fs::path file = fs::path(std::string_view(part)) / kName;
    if (part.empty() || !can_be_run(file)) continue;
    return file;
  }
  return {};
}

}  // namespace

fs::path program_beside(const fs::path& file) {
  fs::path folder = file.parent_path();
  if (can_be_run(folder / kName)) return folder / kName;
  for (int up = 0; up < kMostFoldersUp && folder.has_relative_path(); ++up) {
    folder = folder.parent_path();
    if (const fs::path there = folder / "bin" / kName; can_be_run(there)) return there;
  }
  return {};
}

std::vector<std::string> worker_program(const fs::path& asked) {
  fs::path program = asked;
  if (program.empty()) program = program_beside(mapped_file_at(reinterpret_cast<const void*>(&worker_program)));
  if (program.empty()) program = program_in_path();
  if (program.empty()) return {};
  return {program.string(), "model-worker"};
}

}  // namespace plimsoll::library
