// adapter_fields: how much of each adapter somebody wants in an answer, as llama-server's clients say it.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "api/fields.hpp"

namespace plimsoll::api {

struct AdapterScale {
  std::size_t id = 0;  // its place among those that were planned
  float scale = 0;
  friend bool operator==(const AdapterScale&, const AdapterScale&) = default;
};

// [{"id": 0, "scale": 0.5}]. `path`: what the list is called; empty: the body. Throws Problem 400.
[[nodiscard]] std::vector<AdapterScale> read_adapter_scales(const Json& list, const std::string& path);
[[nodiscard]] Json to_json(const std::vector<AdapterScale>& scales);

}  // namespace plimsoll::api
