// worker_program: the program that is run as the process of a model, and its arguments.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace plimsoll::library {

// `asked`: where somebody has named it; else the one that was installed with this library or program, else the one in
// PATH. Empty: there is none.
[[nodiscard]] std::vector<std::string> worker_program(const std::filesystem::path& asked);

// "bin/plimsoll" in a folder above that file, at most four of them, or "plimsoll" beside it; empty: there is none.
[[nodiscard]] std::filesystem::path program_beside(const std::filesystem::path& file);

}  // namespace plimsoll::library
