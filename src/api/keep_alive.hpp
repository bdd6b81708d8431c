// KeepAlive: how long a model stays loaded once a request is answered: Ollama's keep_alive, LM Studio's ttl.
#pragma once
#include <chrono>
#include <optional>

#include "api/fields.hpp"

namespace plimsoll::api {

struct KeepAlive {
  std::optional<std::chrono::milliseconds> idle{};  // empty: for ever; 0: it goes at once
  friend bool operator==(const KeepAlive&, const KeepAlive&) = default;
};

// "5m", "1h30m", "-1", seconds as a number. Negative, and more than a hundred years: for ever. Throws Problem 400.
[[nodiscard]] std::optional<KeepAlive> read_keep_alive(Fields& fields, const char* key);

}  // namespace plimsoll::api
