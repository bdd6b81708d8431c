// As feeds.hpp: a chat template. It is rendered, or refused with a sentence.
#pragma once
#include <cstdlib>
#include <string_view>

#include <plimsoll/base/error.hpp>

#include "jinja/template.hpp"

namespace plimsoll::fuzz {

inline void feed_template(std::string_view source) {
  static const auto kValues =
      nlohmann::ordered_json::parse(R"({"x": 3, "xs": [3, "b", null, 2.5, true], "text": "a Grüße b",
    "m": {"a": 1, "k": [{"n": 1}]}, "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": null}]})");
  try {
    (void)jinja::Template(source).render(kValues,
                                         {.limits = {.steps = 100'000, .memory = std::size_t{16} << 20}, .now = {}});
  } catch (const Error& error) {
    if (error.code() != ErrorCode::usage || std::string_view(error.what()).empty()) std::abort();
  }
}

}  // namespace plimsoll::fuzz
