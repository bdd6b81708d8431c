// arguments: what C programs give, looked at before it is used. What is wrong with one is Error{usage} that names it.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::c_api {

// Where an out parameter points; null is wrong.
void require_place(const void* out, const char* what);
template <class T>
[[nodiscard]] T* place_of(T* out, const char* what) {
  require_place(out, what);
  return out;
}

// `length` bytes, or up to the NUL byte (-1). Null is wrong, unless the length is 0.
[[nodiscard]] std::string_view text_of(const char* text, std::int64_t length, const char* what);
[[nodiscard]] std::string required_text(const char* text, const char* what);
[[nodiscard]] inline std::string optional_text(const char* text) { return text == nullptr ? "" : text; }
// `what` names the list, `one` an element of it.
[[nodiscard]] std::vector<std::string> texts_of(const char* const* texts, std::uint64_t count, const char* what);
template <class T>
[[nodiscard]] std::span<const T> list_of(const T* elements, std::uint64_t count, const char* what);

[[nodiscard]] std::size_t index_of(std::uint64_t index, std::size_t size, const char* what);

// Options of the program as this library knows them. T begins with its size; `oldest` is what its first version had.
void check_size(std::size_t size, std::size_t oldest, std::size_t alignment, const char* what);
[[nodiscard]] bool all_zero(const void* from, std::size_t bytes) noexcept;
[[noreturn]] void refuse_unknown_members(const char* what);

template <class T>
struct Defaults;  // Defaults<T>::value(): as ..._init() gives it; kName; kOldest

template <class T>
[[nodiscard]] T known(const T* given) {
  T out = Defaults<T>::value();
  if (given == nullptr) return out;
  std::uint32_t size = 0;
  std::memcpy(&size, given, sizeof size);
  check_size(size, Defaults<T>::kOldest, alignof(T), Defaults<T>::kName);
  const auto* const bytes = reinterpret_cast<const unsigned char*>(given);
  if (size > sizeof(T) && !all_zero(bytes + sizeof(T), size - sizeof(T))) refuse_unknown_members(Defaults<T>::kName);
  std::memcpy(&out, given, std::min<std::size_t>(size, sizeof(T)));
  out.size = sizeof(T);
  return out;
}

// Fills what the program's version has of the defaults; members that this library does not know become 0.
template <class T>
void fill_defaults(T* out, std::size_t size) {
  require_place(out, Defaults<T>::kName);
  check_size(size, Defaults<T>::kOldest, alignof(T), Defaults<T>::kName);
  T defaults = Defaults<T>::value();
  defaults.size = static_cast<std::uint32_t>(size);
  std::memset(out, 0, size);
  std::memcpy(out, &defaults, std::min(size, sizeof(T)));
}

// A struct that the program has made room for: `value` as far as its version goes.
template <class T>
void give_struct(T value, T* out, const char* what, std::size_t oldest = sizeof(T)) {
  require_place(out, what);
  std::uint32_t size = 0;
  std::memcpy(&size, out, sizeof size);
  check_size(size, oldest, alignof(T), what);
  value.size = size;
  std::memset(out, 0, size);
  std::memcpy(out, &value, std::min<std::size_t>(size, sizeof(T)));
}

void require_list(const void* elements, std::uint64_t count, const char* what);
template <class T>
std::span<const T> list_of(const T* elements, std::uint64_t count, const char* what) {
  require_list(elements, count, what);
  return {elements, static_cast<std::size_t>(count)};
}

}  // namespace plimsoll::c_api
