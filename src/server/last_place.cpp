#include "last_place.hpp"

#include <cstring>
#include <string>

namespace plimsoll::server {

// The C library's memmem() is linear (two-way string matching), but finds the first place alone: so both are turned
// round.
std::size_t last_place(std::string_view text, std::string_view part) {
  if (part.empty() || part.size() > text.size()) return std::string_view::npos;
  const std::string turned(text.rbegin(), text.rend());
  const std::string turned_part(part.rbegin(), part.rend());
  const void* found = memmem(turned.data(), turned.size(), turned_part.data(), turned_part.size());
  if (found == nullptr) return std::string_view::npos;
  const auto behind = static_cast<std::size_t>(static_cast<const char*>(found) - turned.data());
  return text.size() - behind - part.size();
}

}  // namespace plimsoll::server
