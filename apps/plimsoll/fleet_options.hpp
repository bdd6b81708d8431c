// Fleets on the command line.
#pragma once
#include <string>
#include <vector>

#include "host/fleet.hpp"

#include "options.hpp"

namespace plimsoll::app {

// What the models of a command line are for, where it is not text.
struct FleetPurpose {
  bool embeddings = false;
  bool ranking = false;
  std::string pooling;  // of embeddings; empty: the model's own
  DraftOptions draft;   // of the only model
};

[[nodiscard]] bool is_fleet_file(const std::string& source);
// The fleet of that file; budgets of the command line come after its own, so that they count.
[[nodiscard]] host::Fleet fleet_of(const std::string& file, const ModelOptions& options);

// A fleet file, or model files and folders of them beside those of --model, which take turns; nothing: the demo models.
// Models named one by one are to be loaded at the start, those of a folder when they are asked for. Throws
// Error{usage} for a folder without models, and for a fleet file that does not stand alone.
[[nodiscard]] host::Fleet fleet_of_sources(const std::vector<std::string>& sources, const ModelOptions& options,
                                           const FleetPurpose& purpose = {});

}  // namespace plimsoll::app
