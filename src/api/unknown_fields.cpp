#include "api/unknown_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "api/problem.hpp"

namespace plimsoll::api {
namespace {

thread_local UnknownFields* innermost = nullptr;

bool is_plain(char c) { return c > ' ' && c < 0x7F && c != ','; }

void add(std::vector<std::string>& names, std::string_view path) {
  std::string name = name_of_ignored(path);
  if (names.size() < UnknownFields::kMost && !std::ranges::contains(names, name)) names.push_back(std::move(name));
}

}  // namespace

UnknownFields::UnknownFields(UnknownRule rule) : rule_(rule), outer_(innermost) { innermost = this; }
UnknownFields::~UnknownFields() { innermost = outer_; }

void UnknownFields::met(const std::string& path, std::string_view why) {
  if (innermost == nullptr) return;
  if (innermost->rule_ == UnknownRule::refuse) {
    throw bad_request(why.empty() ? fmt::format("unknown field '{}'", path)
                                  : fmt::format("'{}' is not supported here: {}", path, why))
        .at(path);
  }
  add(innermost->ignored_, path);
}

bool UnknownFields::refuses() noexcept { return innermost != nullptr && innermost->rule_ == UnknownRule::refuse; }

void UnknownFields::met_needless(const std::string& path) {
  if (innermost != nullptr) add(innermost->needless_, path);
}

std::string name_of_ignored(std::string_view path) {
  std::string name;
  bool inside = false;  // of brackets
  for (const char c : path) {
    if (c == '[') inside = true;
    if (c == ']') inside = false;
    if (inside && std::isdigit(static_cast<unsigned char>(c)) != 0) continue;
    name += is_plain(c) ? c : '?';
  }
  if (name.size() > UnknownFields::kLongestName) name.resize(UnknownFields::kLongestName);
  return name;
}

}  // namespace plimsoll::api
