#include "engine_search.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <set>
#include <string_view>

#include "base/child_process.hpp"
#include "base/own_program.hpp"

namespace plimsoll::guard {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 10;
constexpr int kMostFiles = 50'000;
constexpr int kMostParents = 6;

// The one that has the allocator comes first.
constexpr std::array<std::string_view, 3> kNames{"libggml-base.so", "libggml.so", "libllama.so"};

std::size_t rank_of(const fs::path& file) {
  const std::string name = file.filename().string();
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i] || name.starts_with(std::string(kNames[i]) + ".")) return i;
  }
  return kNames.size();
}

fs::path canonical_or_same(const fs::path& path) {
  std::error_code error;
  fs::path out = fs::weakly_canonical(path, error);
  return error ? path : out;
}

bool is_systems(const fs::path& folder) {
  static const std::set<fs::path> kSystems{"/",     "/bin",     "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin",
                                           "/usr",  "/usr/lib", "/lib",  "/lib64",   "/tmp",      "/home",
                                           "/root", "/opt"};
  return kSystems.contains(folder);
}

class Folders {
 public:
  void add(const fs::path& folder) {
    std::error_code error;
    const fs::path real = canonical_or_same(folder);
    if (fs::is_directory(real, error) && !is_systems(real) && seen_.insert(real).second) list.push_back(real);
  }
  void add_matching(const fs::path& parent, std::string_view start, const fs::path& below) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(parent, error)) {
      if (entry.path().filename().string().starts_with(start)) add(entry.path() / below);
    }
  }
  std::vector<fs::path> list;

 private:
  std::set<fs::path> seen_;
};

void add_python_packages(Folders& folders, const fs::path& prefix) {
  for (const char* packages : {"site-packages/llama_cpp", "dist-packages/llama_cpp"})
    folders.add_matching(prefix / "lib", "python", packages);
}

std::optional<fs::path> from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<fs::path>(value);
}

void add_packages_of_python(Folders& folders, const fs::path& program) {
  add_python_packages(folders, fs::path(program).parent_path().parent_path());
  add_python_packages(folders, "/usr/local");
  for (const char* variable : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    if (const auto prefix = from_environment(variable)) add_python_packages(folders, *prefix);
  }
  if (const auto home = from_environment("HOME")) add_python_packages(folders, *home / ".local");
}

// Node looks for packages in every folder above.
void add_packages_of_node(Folders& folders, fs::path folder) {
  for (int i = 0; i < kMostParents && !folder.empty(); ++i) {
    for (const char* package : {"@node-llama-cpp", "node-llama-cpp"}) folders.add(folder / "node_modules" / package);
    if (folder == folder.parent_path()) break;
    folder = folder.parent_path();
  }
}

}  // namespace

std::vector<fs::path> linked_libraries(const fs::path& program) {
  std::vector<fs::path> out;
  const std::string loader = own_loader();
  if (loader.empty()) return out;
  ChildProcess child({loader, "--list", program.string()});
  while (const auto line = child.read_line()) {  // "	libggml-base.so.0 => /usr/lib/libggml-base.so.0 (0x7f...)"
    constexpr std::string_view kArrow = " => /";
    const std::size_t arrow = line->find(kArrow);
    const std::size_t end = line->rfind(" (");
    if (arrow == std::string::npos || end == std::string::npos || end < arrow + kArrow.size()) continue;
    out.emplace_back(line->substr(arrow + kArrow.size() - 1, end - arrow - kArrow.size() + 1));
  }
  return out;
}

bool is_named_like_an_engine(const fs::path& file) { return rank_of(file) < kNames.size(); }

std::vector<fs::path> folders_of(const std::vector<std::string>& command, const fs::path& program,
                                 const fs::path& executable) {
  Folders folders;
  const fs::path real = canonical_or_same(program);
  folders.add(real.parent_path());
  const std::string name = executable.filename().string();
  std::vector<fs::path> of_files{real.parent_path()};
  for (std::size_t i = 1; i < command.size(); ++i) {
    const fs::path argument = fs::absolute(command[i]);
    std::error_code error;
    if (fs::is_regular_file(argument, error)) of_files.push_back(argument.parent_path());
  }
  for (const fs::path& folder : of_files) folders.add(folder);
  if (name.starts_with("python")) add_packages_of_python(folders, executable);
  if (name.starts_with("node") || name.starts_with("bun") || name.starts_with("deno")) {
    for (const fs::path& folder : of_files) add_packages_of_node(folders, folder);
    add_packages_of_node(folders, fs::current_path());
  }
  return folders.list;
}

std::vector<std::vector<fs::path>> engines_below(const std::vector<fs::path>& folders) {
  std::map<fs::path, std::set<fs::path>> by_folder;
  int looked_at = 0;
  for (const fs::path& folder : folders) {
    std::error_code error;
    fs::recursive_directory_iterator all(folder, fs::directory_options::skip_permission_denied, error);
    for (; !error && all != fs::recursive_directory_iterator() && looked_at < kMostFiles; all.increment(error)) {
      ++looked_at;
      if (all.depth() >= kDeepest) all.disable_recursion_pending();
      std::error_code ignored;
      if (!is_named_like_an_engine(all->path()) || !fs::is_regular_file(all->path(), ignored)) continue;
      const fs::path file = canonical_or_same(all->path());
      by_folder[file.parent_path()].insert(file);
    }
  }
  std::vector<std::vector<fs::path>> out;
  for (const auto& [folder, files] : by_folder) {
    std::vector<fs::path> sorted(files.begin(), files.end());
    std::ranges::stable_sort(sorted, {}, rank_of);
    out.push_back(std::move(sorted));
  }
  return out;
}

}  // namespace plimsoll::guard
