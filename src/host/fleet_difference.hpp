// fleet_difference: what one fleet has that another has not. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "host/fleet.hpp"

namespace plimsoll::host {

// What of a model's conversations means anything once the model is declared otherwise.
enum class ConversationsKeep : std::uint8_t {
  memory,  // what was computed: the context alone is longer, shorter, or lies elsewhere
  tokens,  // the same file computes something else of them: they are decoded again
  nothing  // another file has other tokens
};

struct ModelDifference {
  std::string name;
  std::vector<std::string> what;  // keys of the fleet file, in its order
  bool reloads = false;           // it takes other memory, or computes otherwise: it goes, and comes back
  ConversationsKeep conversations = ConversationsKeep::memory;
  friend bool operator==(const ModelDifference&, const ModelDifference&) = default;
};

struct FleetDifference {
  std::vector<std::string> added;  // in the order of the later fleet, as all but `removed`
  std::vector<ModelDifference> changed;
  std::vector<std::string> removed;
  std::vector<std::string> unchanged;
  std::vector<std::string> settings;  // keys beside the models
  friend bool operator==(const FleetDifference&, const FleetDifference&) = default;
};

// Models are told apart by their names. Whether the files are the same is not looked at.
[[nodiscard]] FleetDifference difference_of(const Fleet& before, const Fleet& after);

}  // namespace plimsoll::host
