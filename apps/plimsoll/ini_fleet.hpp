// ini_fleet: the models of llama-server's file of models, beside those of folders, as a fleet.
#pragma once
#include "host/fleet.hpp"

#include "serve_options.hpp"

namespace plimsoll::app {

// Whether one of the sources is such a file.
[[nodiscard]] bool has_models_ini(const ServeOptions& options);

// The file's models, as if each was served with its section for flags; where the command line says something of models,
// that counts. Then those of folders, but for names that the file has. Models are loaded when they are asked for,
// unless the file says load-on-startup. Throws Error{usage} for what is wrong with the file, a section or the sources.
[[nodiscard]] host::Fleet fleet_of_models_ini(const ServeOptions& options);

}  // namespace plimsoll::app
