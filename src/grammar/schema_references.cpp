#include "grammar/schema_references.hpp"

#include <charconv>

#include <nlohmann/json.hpp>

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDeepestReference = 200;

// Fragments of addresses write some characters as %XX.
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const bool escape = text[i] == '%' && i + 2 < text.size() &&
                        std::from_chars(text.data() + i + 1, text.data() + i + 3, code, 16).ptr == text.data() + i + 3;
    out += escape ? static_cast<char>(code) : text[i];
    if (escape) i += 2;
  }
  return out;
}

}  // namespace

void SchemaReferences::collect(const Json& schema, int depth) const {
  if (depth > kDeepestReference || !schema.is_structured()) return;
  for (const auto& [key, value] : schema.items()) {
    if (value.is_string() && schema.is_object()) {
      const auto text = value.get<std::string>();
      if (key == "$anchor" || key == "$dynamicAnchor") names_.try_emplace("#" + text, &schema);
      if (key == "$id" || key == "id")
        names_.try_emplace(text.ends_with('#') ? text.substr(0, text.size() - 1) : text, &schema);
    }
    collect(value, depth + 1);
  }
}

const Json* SchemaReferences::find(const std::string& target) const {
  const auto named = [this](std::string_view name) -> const Json* {
    if (!collected_) collect(root_, 0);
    collected_ = true;
    const auto found = names_.find(name);
    return found == names_.end() ? nullptr : found->second;
  };
  const std::size_t at = target.find('#');
  const std::string_view document = std::string_view(target).substr(0, at);
  const std::string fragment = at == std::string::npos ? "" : decoded(std::string_view(target).substr(at + 1));
  const Json* base = document.empty() ? &root_ : named(document);
  if (base == nullptr || fragment.empty()) return base;
  if (fragment.front() != '/') return named("#" + fragment);
  try {
    return &base->at(Json::json_pointer(fragment));
  } catch (const Json::exception&) {
    return nullptr;
  }
}

}  // namespace plimsoll::grammar
