#include "run/pipeline_cache.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::run {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_true(std::string_view text) { return text == "1" || text == "true" || text == "yes" || text == "on"; }

std::vector<std::filesystem::path> cache_folders() {
  const std::string home = environment("HOME");
  const std::string xdg = environment("XDG_CACHE_HOME");
  const std::filesystem::path user = xdg.empty() ? std::filesystem::path(home) / ".cache" : std::filesystem::path(xdg);
  std::vector<std::filesystem::path> folders;
  const std::string mesa = environment("MESA_SHADER_CACHE_DIR");
  // Mesa names the folder after the kind of cache it keeps there.
  for (const char* name : {"mesa_shader_cache", "mesa_shader_cache_db", "mesa_shader_cache_sf"}) {
    folders.push_back((mesa.empty() ? user : std::filesystem::path(mesa)) / name);
  }
  const std::string nvidia = environment("__GL_SHADER_DISK_CACHE_PATH");
  folders.push_back((nvidia.empty() ? user / "nvidia" : std::filesystem::path(nvidia)) / "GLCache");
  const std::string cuda = environment("CUDA_CACHE_PATH");
  folders.push_back(cuda.empty() ? std::filesystem::path(home) / ".nv/ComputeCache" : std::filesystem::path(cuda));
  return folders;
}

std::uint64_t bytes_kept() {
  std::uint64_t sum = 0;
  std::error_code error;
  for (const auto& folder : cache_folders()) {
    for (std::filesystem::recursive_directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
      std::error_code gone;  // another process may be tidying up
      const std::uint64_t size = at->is_regular_file(gone) ? at->file_size(gone) : 0;
      if (!gone) sum += size;
    }
  }
  return sum;
}

}  // namespace

PipelineCacheWatch::PipelineCacheWatch() : before_(bytes_kept()) {}

plan::PipelineCache PipelineCacheWatch::state(bool accelerated) const {
  if (!accelerated) return plan::PipelineCache::none;
  const bool switched_off =
      is_true(environment("MESA_SHADER_CACHE_DISABLE")) || environment("CUDA_CACHE_DISABLE") == "1";
  return switched_off || bytes_kept() > before_ ? plan::PipelineCache::cold : plan::PipelineCache::warm;
}

}  // namespace plimsoll::run
