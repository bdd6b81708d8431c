#include "guard/program_file.hpp"

#include <elf.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "base/own_program.hpp"

namespace plimsoll::guard {
namespace {

namespace fs = std::filesystem;

constexpr int kMostInterpreters = 4;  // a script's interpreter may be a script, as the kernel allows

bool can_be_run(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

template <class T>
bool read_at(std::ifstream& file, std::uint64_t offset, T& out) {
  file.clear();
  file.seekg(static_cast<std::streamoff>(offset));
  return static_cast<bool>(file.read(reinterpret_cast<char*>(&out), sizeof(T)));
}

// What a dynamic program names as its loader; empty: it has none.
std::string loader_of(std::ifstream& file, const Elf64_Ehdr& header) {
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    if (!read_at(file, header.e_phoff + std::uint64_t{i} * header.e_phentsize, segment)) break;
    if (segment.p_type != PT_INTERP || segment.p_filesz == 0 || segment.p_filesz > 4096) continue;
    std::string loader(segment.p_filesz, '\0');
    file.clear();
    file.seekg(static_cast<std::streamoff>(segment.p_offset));
    file.read(loader.data(), static_cast<std::streamsize>(loader.size()));
    return loader.c_str();  // up to its end sign
  }
  return {};
}

std::optional<Elf64_Ehdr> header_of(std::ifstream& file) {
  Elf64_Ehdr header{};
  if (!read_at(file, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
  return header;
}

std::string our_loader() { return fs::path(own_loader()).filename().string(); }

// Also by another name, as Debian's /usr/bin/ld.so.
bool is_our_loader(const fs::path& file) {
  std::error_code error;
  const fs::path real = fs::canonical(file, error);
  return !error && !our_loader().empty() && real.filename() == our_loader();
}

unsigned short our_machine() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const auto header = header_of(file);
  return header ? header->e_machine : static_cast<unsigned short>(EM_NONE);
}

// With rights that its user does not have, the dynamic linker preloads nothing that the user names.
std::optional<std::string> why_privileged(const fs::path& program) {
  struct stat facts{};
  if (stat(program.c_str(), &facts) != 0) return std::nullopt;
  if ((facts.st_mode & S_ISUID) != 0 && facts.st_uid != geteuid())
    return "it runs with its owner's rights (setuid), and the system lets nobody preload into such a program";
  if ((facts.st_mode & S_ISGID) != 0 && (facts.st_mode & S_IXGRP) != 0 && facts.st_gid != getegid())
    return "it runs with its group's rights (setgid), and the system lets nobody preload into such a program";
  if (geteuid() != 0 && getxattr(program.c_str(), "security.capability", nullptr, 0) > 0)
    return "its file gives it capabilities, and the system lets nobody preload into such a program";
  return std::nullopt;
}

std::optional<std::string> why_not_elf(std::ifstream& file, const Elf64_Ehdr& header) {
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != our_machine())
    return "it is for another architecture than this machine's own";
  const std::string loader = loader_of(file, header);
  if (loader.empty()) return "it is a static program, and nothing can be preloaded into one";
  if (const std::string ours = our_loader(); fs::path(loader).filename() != ours)
    return fmt::format("it is loaded by {}, with another C library than {}'s, which the guard needs", loader, ours);
  return std::nullopt;
}

// "#!/usr/bin/env -S node": /usr/bin/env, -S, node. Empty: no script.
std::vector<std::string> first_line_of(std::ifstream& file) {
  file.clear();
  file.seekg(0);
  std::string line;
  std::getline(file, line);
  if (!line.starts_with("#!")) return {};
  std::istringstream words(line.substr(2));
  std::vector<std::string> out;
  for (std::string word; words >> word;) out.push_back(std::move(word));
  return out;
}

std::string interpreter_of(std::ifstream& file) {
  const std::vector<std::string> words = first_line_of(file);
  return words.empty() ? "" : words.front();
}

// What env runs for these words: the first that is neither a flag nor a variable.
std::optional<fs::path> run_by_env(const std::vector<std::string>& words) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i].starts_with('-') || words[i].contains('=')) continue;
    const char* path = std::getenv("PATH");
    return find_program(words[i], path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path);
  }
  return std::nullopt;
}

}  // namespace

std::optional<fs::path> find_program(const std::string& name, std::string_view path) {
  if (name.contains('/')) return can_be_run(name) ? std::optional<fs::path>(name) : std::nullopt;
  while (!name.empty()) {
    const std::size_t end = path.find(':');
    const std::string_view folder = path.substr(0, end);
    if (const fs::path file = fs::path(folder.empty() ? "." : folder) / name; can_be_run(file)) return file;
    if (end == std::string_view::npos) break;
    path.remove_prefix(end + 1);
  }
  return std::nullopt;
}

fs::path executable_of(const fs::path& program) {
  fs::path file_name = program;
  for (int i = 0; i < kMostInterpreters; ++i) {
    std::ifstream file(file_name, std::ios::binary);
    const std::vector<std::string> words = first_line_of(file);
    if (words.empty()) return file_name;
    const auto by_env = fs::path(words.front()).filename() == "env" ? run_by_env(words) : std::nullopt;
    file_name = by_env.value_or(words.front());
  }
  return file_name;
}

std::optional<std::string> why_not_preloaded(const fs::path& program) {
  fs::path file_name = program;
  for (int i = 0; i < kMostInterpreters; ++i) {
    std::ifstream file(file_name, std::ios::binary);
    const std::string interpreter = file ? interpreter_of(file) : "";
    if (!interpreter.empty()) {  // a script's own rights count for nothing
      file_name = interpreter;
      continue;
    }
    if (auto why = why_privileged(file_name)) return why;
    if (!file) return std::nullopt;  // it may be run and not read: then nothing else is judged
    const auto header = header_of(file);
    // The shell runs what the kernel does not know; the loader itself preloads into what it is told to run.
    if (!header || is_our_loader(file_name)) return std::nullopt;
    return why_not_elf(file, *header);
  }
  return std::nullopt;
}

}  // namespace plimsoll::guard
