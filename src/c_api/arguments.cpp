#include "arguments.hpp"

#include <fmt/format.h>

#include <limits>

#include <plimsoll/base/error.hpp>

namespace plimsoll::c_api {
namespace {

// What the engine counts bytes and tokens with.
constexpr std::uint64_t kMost = std::numeric_limits<std::int32_t>::max();
// No struct of this header will be larger: a size beyond it was never set.
constexpr std::size_t kLargestStruct = 4096;

[[noreturn]] void wrong(const std::string& sentence, Error::Numbers numbers = {}) {
  throw Error(ErrorCode::usage, sentence, std::move(numbers));
}

}  // namespace

void require_place(const void* out, const char* what) {
  if (out == nullptr) wrong(fmt::format("there is no place for the {}: its pointer is NULL", what));
}

std::string_view text_of(const char* text, std::int64_t length, const char* what) {
  if (length < -1) wrong(fmt::format("the length of the {} is {}; it is -1 where a NUL byte ends it", what, length));
  if (length > static_cast<std::int64_t>(kMost))
    wrong(fmt::format("the {} has {} bytes, and {} is the most", what, length, kMost),
          {{"length", static_cast<std::uint64_t>(length)}, {"most", kMost}});
  if (text == nullptr && length != 0) wrong(fmt::format("the {} is NULL", what));
  if (text == nullptr) return {};
  const std::size_t size = length == -1 ? std::strlen(text) : static_cast<std::size_t>(length);
  if (size > kMost)
    wrong(fmt::format("the {} has {} bytes, and {} is the most", what, size, kMost),
          {{"length", size}, {"most", kMost}});
  return {text, size};
}

std::string required_text(const char* text, const char* what) { return std::string(text_of(text, -1, what)); }

std::vector<std::string> texts_of(const char* const* texts, std::uint64_t count, const char* what) {
  std::vector<std::string> out;
  for (const char* const text : list_of(texts, count, what)) {
    if (text == nullptr) wrong(fmt::format("number {} of the {} is NULL", out.size(), what));
    out.emplace_back(text_of(text, -1, what));
  }
  return out;
}

void require_list(const void* elements, std::uint64_t count, const char* what) {
  if (count > kMost)
    wrong(fmt::format("there are {} {}, and {} is the most", count, what, kMost), {{"count", count}, {"most", kMost}});
  if (elements == nullptr && count > 0) wrong(fmt::format("there are {} {} at NULL", count, what));
}

std::size_t index_of(std::uint64_t index, std::size_t size, const char* what) {
  if (index >= size)
    wrong(fmt::format("there is no {} {}: there are {} of them, counted from 0", what, index, size),
          {{"index", index}, {"count", size}});
  return static_cast<std::size_t>(index);
}

void check_size(std::size_t size, std::size_t oldest, std::size_t alignment, const char* what) {
  if (size >= oldest && size <= kLargestStruct && size % alignment == 0) return;
  wrong(
      fmt::format("no version of {} has a size of {} bytes, the first had {}: was it initialised?", what, size, oldest),
      {{"size", size}, {"least", oldest}});
}

bool all_zero(const void* from, std::size_t bytes) noexcept {
  const auto* const first = static_cast<const unsigned char*>(from);
  return std::all_of(first, first + bytes, [](unsigned char byte) { return byte == 0; });
}

void refuse_unknown_members(const char* what) {
  throw Error(ErrorCode::unsupported,
              fmt::format("{} has members that this version of the library does not know, and they are set", what));
}

}  // namespace plimsoll::c_api
