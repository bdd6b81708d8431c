#include "slot_files.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "api/problem.hpp"

namespace plimsoll::server {
namespace {

constexpr std::size_t kLongest = 200;
constexpr std::string_view kForbidden = "/\\:*?\"<>|";

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t size = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
    if (size == 0 || size > text.size()) return false;
    for (std::size_t i = 1; i < size; ++i) {
      if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80) return false;
    }
    text.remove_prefix(size);
  }
  return true;
}

bool is_forbidden(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || kForbidden.contains(c); }

}  // namespace

bool is_file_name(const std::string& name) {
  if (name.empty() || name.size() > kLongest || name.starts_with('.') || name.starts_with(' ')) return false;
  if (name.ends_with('.') || name.ends_with(' ')) return false;
  return std::ranges::none_of(name, is_forbidden) && is_utf8(name);
}

std::filesystem::path SlotFiles::path_of(const std::string& name, const std::string& owner) const {
  if (folder_.empty()) {
    throw api::Problem(501, "unsupported",
                       "no folder was given to save conversations in; start the server with --slot-save-path FOLDER");
  }
  if (!is_file_name(name)) {
    throw api::bad_request(
        fmt::format("'filename' must be the name of a file, without a folder and of {} bytes at most", kLongest))
        .at("filename");
  }
  const std::string key = keys_.lasting_id_of(owner);
  if (key.empty() && !owner.empty())  // it was removed while its request was read
    throw api::Problem(401, "invalid_api_key", "this API key is not taken any more");
  return key.empty() ? folder_ / name : folder_ / key / name;
}

}  // namespace plimsoll::server
