#include "api/ollama_routes.hpp"

#include <fmt/format.h>

#include "ollama_fields.hpp"

namespace plimsoll::api {

std::string asked_ollama_model(const Json& body) {
  Fields fields(body);
  return read_ollama_model(fields);
}

Problem fleet_is_fixed(const std::string& path) {
  return {403, "fixed_fleet",
          fmt::format("{} is not allowed here: the models are those that this server was started with, each planned to "
                      "the byte; add a file to the fleet and start it again",
                      path)};
}

}  // namespace plimsoll::api
