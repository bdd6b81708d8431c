// model_names: whom a request means by a model's name.
#pragma once
#include <optional>
#include <string>

#include "host/fleet.hpp"

namespace plimsoll::server {

struct NamedModel {
  const host::FleetModel* model;  // of the fleet
  const host::Preset* preset = nullptr;
  // Which one answers: the preset's name, or the model's.
  [[nodiscard]] const std::string& name() const { return preset != nullptr ? preset->name : model->request.name; }
};

// A name, an alias or a preset's name as the fleet has it; else without ":latest", as the end of a path, without
// ".gguf", and last in any case, where only one is meant. Nothing and "default": the fleet's first. A fleet of one
// answers to any name. Throws api::Problem 404.
// Empty: there is none.
[[nodiscard]] std::optional<NamedModel> find_model(const host::Fleet& fleet, const std::string& name);
[[nodiscard]] NamedModel model_named(const host::Fleet& fleet, const std::string& name);

}  // namespace plimsoll::server
