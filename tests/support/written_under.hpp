// written_under: what a model without a will of its own writes under a grammar.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "engine/model.hpp"

namespace plimsoll::test {

// Random tokens that the grammar allows, to the end of the text. What closes is preferred, the more the longer it is.
// Empty: it found no end.
[[nodiscard]] std::optional<std::string> written_under(const engine::Model& model, const std::string& grammar,
                                                       std::uint32_t seed);

}  // namespace plimsoll::test
