// As feeds.hpp: a fleet file. What is read names its models; what is not has a place and a sentence.
#pragma once
#include <cstdlib>
#include <string_view>

#include "host/fleet_file.hpp"

namespace plimsoll::fuzz {

inline void feed_fleet(std::string_view text) {
  const auto fleet = host::parse_fleet(text, "/models");
  if (fleet) return;
  if (fleet.error().empty()) std::abort();
  for (const host::ConfigFileError& error : fleet.error()) {
    if (error.message.empty()) std::abort();
  }
}

}  // namespace plimsoll::fuzz
