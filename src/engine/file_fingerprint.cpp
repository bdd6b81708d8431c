#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <plimsoll/base/error.hpp>
#include "base/hash.hpp"
#include "engine/file_fingerprint.hpp"

namespace plimsoll::engine {
namespace {

constexpr std::uintmax_t kPiece = 1U << 20U;

std::string hash_of(const std::string& path, std::uintmax_t size) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorCode::io, fmt::format("'{}' cannot be read", path));
  Fnv1a hash;
  hash.add(std::to_string(size));
  std::vector<char> piece(std::min(size, kPiece));
  for (const std::uintmax_t from : {std::uintmax_t{0}, (size - piece.size()) / 2, size - piece.size()}) {
    file.seekg(static_cast<std::streamoff>(from));
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    if (!file) throw Error(ErrorCode::io, fmt::format("'{}' cannot be read", path));
    hash.add(std::as_bytes(std::span(piece)));
  }
  return hash.hex();
}

// Every conversation that is saved or put back asks; the files of a process are few.
class Remembered {
 public:
  std::string of(const std::string& path) {
    std::error_code failed;
    const State now{
        .size = std::filesystem::file_size(path, failed),
        .changed = failed ? std::filesystem::file_time_type{} : std::filesystem::last_write_time(path, failed)};
    if (failed) throw Error(ErrorCode::io, fmt::format("'{}' cannot be read", path));
    const std::lock_guard lock(mutex_);
    auto& [state, hash] = known_[path];
    if (hash.empty() || state != now) {
      hash = hash_of(path, now.size);
      state = now;
    }
    return hash;
  }

 private:
  struct State {
    std::uintmax_t size = 0;
    std::filesystem::file_time_type changed{};
    friend bool operator==(const State&, const State&) = default;
  };
  std::mutex mutex_;
  std::map<std::string, std::pair<State, std::string>> known_;
};

}  // namespace

std::string file_fingerprint(const std::string& path) {
  static Remembered remembered;
  return remembered.of(path);
}

}  // namespace plimsoll::engine
