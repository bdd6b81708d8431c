// path_json: a file's name may be no UTF-8, and JSON's texts are: such a one is a list of its bytes. For sources, not
// for headers: whoever includes this links nlohmann_json.
#pragma once
#include <string>
#include <type_traits>

#include <nlohmann/json.hpp>

#include "base/utf8.hpp"

namespace plimsoll::options {

// A name that stands where it is; `Text` is std::string, or constant.
template <class Text>
struct PathInJson {
  Text& path;
};
template <class Text>
PathInJson(Text&) -> PathInJson<Text>;

}  // namespace plimsoll::options

template <class Text>
struct nlohmann::adl_serializer<plimsoll::options::PathInJson<Text>> {
  static void to_json(auto& json, const plimsoll::options::PathInJson<Text>& name) {
    if (plimsoll::is_utf8(name.path)) {
      json = name.path;
      return;
    }
    json = std::remove_reference_t<decltype(json)>::array();
    for (const char byte : name.path) json.push_back(static_cast<unsigned char>(byte));
  }
  static void from_json(const auto& json, plimsoll::options::PathInJson<Text>& name) {
    name.path.clear();
    if (json.is_string()) {
      name.path = json.template get<std::string>();
      return;
    }
    for (const auto& byte : json) name.path += static_cast<char>(byte.template get<unsigned char>());
  }
};
