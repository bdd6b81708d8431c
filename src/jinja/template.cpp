#include "jinja/template.hpp"

#include <algorithm>

#include <plimsoll/base/error.hpp>

#include "renderer.hpp"

namespace plimsoll::jinja {

struct Template::Parsed {
  Syntax syntax;
};

Template::Template(std::string_view source) {
  try {
    parsed_ = std::make_unique<const Parsed>(parse(source));
  } catch (const Failure& failure) {
    throw Error(ErrorCode::usage, failure.what());
  }
}

Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

MarkedText Template::render(const nlohmann::ordered_json& values, const RenderOptions& options) const {
  const nlohmann::ordered_json none = nlohmann::ordered_json::object();
  Bounds bounds(options.limits, options.stop);
  Renderer renderer(parsed_->syntax, values.is_object() ? values : none, options);
  try {
    return renderer.run();
  } catch (const Failure& failure) {
    throw Error(ErrorCode::usage, fmt::format("line {}: {}", renderer.line(), failure.what()));
  }
}

bool Template::mentions(std::string_view variable) const {
  return std::ranges::contains(parsed_->syntax.names, variable);
}

}  // namespace plimsoll::jinja
