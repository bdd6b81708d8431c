// backend_folder: where the loaded engine keeps the backends that it loads.
#pragma once
#include <filesystem>

namespace plimsoll::engine {

// The folder with the engine's CPU backends, near the folder that its libggml lies in: ggml/backendsN there (Debian),
// that folder itself (a bundle), or bin beside it (`cmake --install` of llama.cpp with GGML_BACKEND_DL). Empty where
// none of them has one: the engine has its backends inside, or looks where it was built for.
[[nodiscard]] std::filesystem::path backend_folder(const std::filesystem::path& library_folder);

// Of the engine that is loaded.
[[nodiscard]] std::filesystem::path own_backend_folder();

}  // namespace plimsoll::engine
