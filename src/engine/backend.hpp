// Backend: the engine's process-wide state: ggml's backends, and where the engine's log lines go.
#pragma once
#include <string>

namespace plimsoll::engine {

// Loads ggml's backends once per process (about 50 ms and up) and routes the engine's log into plimsoll::log,
// component "engine"; adds the devices of RPC servers where this process has some (device/rpc_servers.hpp), and throws
// what that throws. Later calls do nothing. Any thread.
void start_backends();
[[nodiscard]] bool backends_started() noexcept;

struct EngineVersion {
  std::string llama;  // "0.7.0", of the library that is loaded
  std::string ggml;   // "0.27.0"
  std::string built_against_llama;
};
[[nodiscard]] EngineVersion engine_version();

// A sentence where the loaded engine is not the one this program was built against, else empty. Never throws.
[[nodiscard]] std::string version_mismatch();

// GGML_BACKEND_PATH names a backend of the user's own (CUDA, say), built from the engine's ggml. A sentence where it is
// not in use, with the reason; else empty. After start_backends(), which warns of it.
[[nodiscard]] std::string own_backend_problem();

}  // namespace plimsoll::engine
