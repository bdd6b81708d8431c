// engine_build: which build of the engine is loaded. A version is built more than once.
#pragma once
#include <string>

namespace plimsoll::engine {

// A fingerprint of the files that libllama and libggml were loaded from, and of a backend that GGML_BACKEND_PATH names
// (their sizes and times of change). The same for one installation; loads nothing. Any thread.
[[nodiscard]] std::string engine_build();

}  // namespace plimsoll::engine
