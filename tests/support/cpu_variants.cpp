#include "cpu_variants.hpp"

#include <dlfcn.h>
#include <ggml-backend.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

#include "temporary_folder.hpp"

namespace plimsoll::test {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kBegin = "libggml-cpu-";
constexpr std::string_view kEnd = ".so";

std::string& chosen() {
  static std::string name;
  return name;
}

// Debian keeps them in a folder beside the libraries: ggml/backends0.
std::vector<fs::path> backend_files() {
  Dl_info library{};
  if (dladdr(reinterpret_cast<void*>(&ggml_backend_load_all_from_path), &library) == 0) return {};
  std::vector<fs::path> files;
  const fs::path folder = fs::canonical(library.dli_fname).parent_path() / "ggml";
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(kBegin) && name.ends_with(kEnd)) files.push_back(entry.path());
  }
  return files;
}

std::string name_of(const fs::path& file) {
  const std::string name = file.filename();
  return name.substr(kBegin.size(), name.size() - kBegin.size() - kEnd.size());
}

// The engine's own question: 0 where an instruction is missing.
bool runs_here(const fs::path& file) {
  void* library = dlopen(file.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) return false;
  const auto score = reinterpret_cast<int (*)()>(dlsym(library, "ggml_backend_score"));
  const bool runs = score != nullptr && score() > 0;
  dlclose(library);
  return runs;
}

}  // namespace

std::vector<std::string> cpu_variants() {
  std::vector<std::string> names;
  for (const fs::path& file : backend_files()) {
    if (runs_here(file)) names.push_back(name_of(file));
  }
  std::ranges::sort(names);
  return names;
}

void use_cpu_variant(const std::string& name) { chosen() = name; }

// Called where ours stands in front of the engine's ggml_backend_load_all().
void load_backends() {
  if (chosen().empty()) return ggml_backend_load_all_from_path(nullptr);
  for (const fs::path& file : backend_files()) {
    if (name_of(file) != chosen()) continue;
    const TemporaryFolder folder;  // the engine looks through a folder, and takes the best of it
    fs::create_symlink(file, folder.path() / file.filename());
    return ggml_backend_load_all_from_path(folder.path().c_str());
  }
  throw std::runtime_error("there is no CPU backend " + chosen());
}

}  // namespace plimsoll::test

// The program's symbols come before the libraries': start_backends() calls this one in programs that use this file.
extern "C" void ggml_backend_load_all() { plimsoll::test::load_backends(); }
