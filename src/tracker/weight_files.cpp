#include "weight_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <plimsoll/base/error.hpp>
#include "engine/model.hpp"

namespace plimsoll::tracker {
namespace {

[[noreturn]] void unusable(const std::string& path, const std::string& why) {
  throw Error(ErrorCode::model_unusable, fmt::format("'{}' cannot be used: {}", path, why));
}

bool is_same(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

WeightFiles::WeightFiles(const std::string& path) : header_(engine::read_gguf_header(path)) {
  for (const std::string& file : engine::split_files(path)) {
    File& opened = files_.emplace_back();
    opened.path = file;
    opened.descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (opened.descriptor >= 0 && fstat(opened.descriptor, &opened.state) == 0) continue;
    const std::string why = std::strerror(errno);
    close_all();
    unusable(file, why);
  }
}

WeightFiles::~WeightFiles() { close_all(); }

void WeightFiles::close_all() noexcept {
  for (const File& file : files_) {
    if (file.descriptor >= 0) close(file.descriptor);
  }
}

std::optional<engine::TensorPlace> WeightFiles::find(const char* name, const void* data, std::size_t bytes) {
  const auto found = header_.tensors.find(name);
  if (found == header_.tensors.end() || found->second.bytes != bytes) return std::nullopt;
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  if (address < found->second.offset) return std::nullopt;
  const std::uintptr_t beginning = address - found->second.offset;
  std::uintptr_t& known = files_[found->second.file].mapped_at;
  if (known == 0 && beginning % static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE)) == 0) known = beginning;
  return known != 0 && beginning == known ? std::optional(found->second) : std::nullopt;
}

void WeightFiles::read(std::uint32_t file, std::uint64_t offset, std::byte* to, std::size_t bytes) const {
  const File& from = files_[file];
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t got = pread(from.descriptor, to + done, bytes - done, static_cast<off_t>(offset + done));
    if (got > 0) {
      done += static_cast<std::size_t>(got);
    } else if (got == 0) {
      unusable(from.path, "it was cut while it was loaded");
    } else if (errno != EINTR) {
      unusable(from.path, std::strerror(errno));
    }
  }
}

void WeightFiles::require_unchanged() const {
  for (const File& file : files_) {
    struct stat opened{};
    struct stat named{};
    const bool is_there = fstat(file.descriptor, &opened) == 0 && stat(file.path.c_str(), &named) == 0;
    if (!is_there || !is_same(opened, file.state) || !is_same(named, file.state))
      unusable(file.path, "it was changed while it was loaded");
  }
}

}  // namespace plimsoll::tracker
