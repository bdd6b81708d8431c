#include "base/own_program.hpp"

#include <link.h>

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>

namespace plimsoll {
namespace {

namespace fs = std::filesystem;

struct MainObject {
  std::uintptr_t base = 0;
  const ElfW(Phdr) * segments = nullptr;
  unsigned count = 0;
};

// The program itself is the first that the loader tells of, however it was started.
MainObject main_object() {
  MainObject found;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        *static_cast<MainObject*>(data) = {
            .base = info->dlpi_addr, .segments = info->dlpi_phdr, .count = info->dlpi_phnum};
        return 1;
      },
      &found);
  return found;
}

std::string exe() {
  std::error_code error;
  const fs::path path = fs::read_symlink("/proc/self/exe", error);
  return error ? std::string() : path.string();
}

std::uintptr_t hexadecimal(std::string_view& text) {
  std::uintptr_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc{} ? value : 0;
}

}  // namespace

// "7f00-7f10 r-xp 00000000 fe:01 123   /usr/lib/x.so": five words, then the path with its blanks.
std::string mapped_file_at(const void* address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::string_view rest = line;
    const std::uintptr_t begin = hexadecimal(rest);
    if (!rest.starts_with('-')) continue;
    rest.remove_prefix(1);
    const std::uintptr_t end = hexadecimal(rest);
    if (wanted < begin || wanted >= end) continue;
    const std::size_t slash = rest.find('/');
    return slash == std::string_view::npos ? std::string() : std::string(rest.substr(slash));
  }
  return {};
}

bool started_by_loader() {
  const std::string file = mapped_file_at(main_object().segments);
  return !file.empty() && !exe().empty() && file != exe();
}

std::string own_program() {
  const std::string started = exe();
  if (!started_by_loader()) return started.empty() ? "plimsoll" : started;
  const fs::path file = mapped_file_at(main_object().segments);
  const fs::path launcher = file.parent_path().parent_path() / "bin" / file.filename();
  std::error_code error;
  return fs::exists(launcher, error) && launcher != file ? launcher.string() : file.string();
}

std::string own_loader() {
  const MainObject object = main_object();
  for (unsigned i = 0; i < object.count; ++i) {
    const ElfW(Phdr) & segment = object.segments[i];
    if (segment.p_type == PT_INTERP) return reinterpret_cast<const char*>(object.base + segment.p_vaddr);
  }
  return {};
}

}  // namespace plimsoll
