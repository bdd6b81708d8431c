// model_names: whom a request means by a model's name.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "host/fleet.hpp"

namespace plimsoll::server {

struct NamedModel {
  std::shared_ptr<const host::FleetModel> model;  // holds its fleet
  const host::Preset* preset = nullptr;           // of it
  // Which one answers: the preset's name, or the model's.
  [[nodiscard]] const std::string& name() const { return preset != nullptr ? preset->name : model->request.name; }
  // The preset's own; empty: the model's.
  [[nodiscard]] std::string chat_template() const { return preset != nullptr ? preset->chat_template : std::string{}; }
};

// A name, an alias or a preset's name as the fleet has it; else without ":latest", as the end of a path, without
// ".gguf", and last in any case, where only one is meant. Nothing and "default": the fleet's first. A fleet of one
// answers to any name. Throws api::Problem 404.
[[nodiscard]] NamedModel model_named(const std::shared_ptr<const host::Fleet>& fleet, const std::string& name);
// Empty: there is none.
[[nodiscard]] std::optional<NamedModel> find_model(const std::shared_ptr<const host::Fleet>& fleet,
                                                   const std::string& name);

}  // namespace plimsoll::server
