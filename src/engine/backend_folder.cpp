#include "engine/backend_folder.hpp"

#include <dlfcn.h>
#include <ggml-backend.h>

#include <algorithm>
#include <string>
#include <vector>

namespace plimsoll::engine {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> entries(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) found.push_back(entry.path());
  std::ranges::sort(found);
  return found;
}

// libggml-cpu.so and its variants, libggml-cpu-haswell.so. Where an engine has its backends inside, libggml-cpu.so is
// a library with a version, libggml-cpu.so.0: it is not loaded as a backend.
bool has_cpu_backend(const fs::path& folder) {
  const std::vector<fs::path> files = entries(folder);
  const auto has = [&](auto&& test) {
    return std::ranges::any_of(files, [&](const fs::path& file) { return test(file.filename().string()); });
  };
  return has([](const std::string& name) { return name.starts_with("libggml-cpu") && name.ends_with(".so"); }) &&
         !has([](const std::string& name) { return name.starts_with("libggml-cpu.so."); });
}

}  // namespace

fs::path backend_folder(const fs::path& library_folder) {
  std::vector<fs::path> places;
  for (const fs::path& entry : entries(library_folder / "ggml")) {
    if (entry.filename().string().starts_with("backends")) places.insert(places.begin(), entry);  // the newest first
  }
  places.push_back(library_folder);
  places.push_back(library_folder.parent_path() / "bin");
  places.push_back(library_folder.parent_path().parent_path() / "bin");  // lib/x86_64-linux-gnu
  const auto found = std::ranges::find_if(places, has_cpu_backend);
  return found == places.end() ? fs::path() : *found;
}

fs::path own_backend_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&ggml_backend_load_all), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code error;
  const fs::path library = fs::canonical(info.dli_fname, error);
  return error ? fs::path() : backend_folder(library.parent_path());
}

}  // namespace plimsoll::engine
