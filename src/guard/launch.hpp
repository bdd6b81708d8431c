// launch: starts a program with the guard preloaded, in the place of this process: its signals, its exit status and its
// terminal are the program's own.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "guard/settings.hpp"

namespace plimsoll::guard {

// `library` added to a list for LD_PRELOAD, behind what is there; the list as it is where it names the library already.
[[nodiscard]] std::string preload_list(std::string_view list, const std::string& library);

// Whether a list for LD_PRELOAD can name it: such a list is divided by colons and spaces, and "$" begins a word that
// the dynamic linker replaces.
[[nodiscard]] bool can_be_listed(const std::string& library);

// Does not come back. Throws Error: usage (no such program, a setting that means nothing), unsupported (nothing can be
// preloaded into it), io.
[[noreturn]] void launch(const std::vector<std::string>& command, const Wishes& wishes,
                         const std::filesystem::path& library);

}  // namespace plimsoll::guard
