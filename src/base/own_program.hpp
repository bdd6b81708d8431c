// own_program: the file of the program that runs here, and how it can be started again.
#pragma once
#include <string>

namespace plimsoll {

// What starts this program again: its own file, or, where a loader was started with it (a bundle, docs/install.md), the
// launcher beside it: of libexec/plimsoll bin/plimsoll, where there is one. "plimsoll" where /proc tells nothing.
[[nodiscard]] std::string own_program();

// Whether a loader was started with the program, so that /proc/self/exe is the loader.
[[nodiscard]] bool started_by_loader();

// The file that the program names as its loader, as it is written there; empty: it names none.
[[nodiscard]] std::string own_loader();

// The file that is mapped where `address` lies; empty: none.
[[nodiscard]] std::string mapped_file_at(const void* address);

}  // namespace plimsoll
