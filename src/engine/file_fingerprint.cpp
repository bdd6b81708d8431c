#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include <plimsoll/base/error.hpp>
#include <plimsoll/base/hash.hpp>
#include <plimsoll/engine/file_fingerprint.hpp>

namespace plimsoll::engine {
namespace {

constexpr std::uintmax_t kPiece = 1U << 20U;

}  // namespace

std::string file_fingerprint(const std::string& path) {
  std::error_code failed;
  const std::uintmax_t size = std::filesystem::file_size(path, failed);
  std::ifstream file(path, std::ios::binary);
  if (failed || !file) throw Error(ErrorCode::io, fmt::format("'{}' cannot be read", path));
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

}  // namespace plimsoll::engine
