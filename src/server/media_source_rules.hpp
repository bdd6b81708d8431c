// MediaSourceRules: from where pictures and sounds are read that requests name by an address.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace plimsoll::server {

struct MediaSourceRules {
  // http and https: of these hosts alone, wherever they are (".example.org": of those below it). Empty: of every host
  // that is at a public address.
  std::vector<std::string> domains{};
  bool fetches = true;             // false: nothing is fetched over a network
  std::filesystem::path folder{};  // file: what lies in it; empty: no file is read
};

}  // namespace plimsoll::server
