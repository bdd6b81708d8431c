// engine_search: files that may be builds of ggml, by their names.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace plimsoll::guard {

// What the dynamic linker loads with that program (an ELF file), as absolute paths. Empty where it cannot tell.
[[nodiscard]] std::vector<std::filesystem::path> linked_libraries(const std::filesystem::path& program);

// libggml-base.so, libggml.so and libllama.so, with or without a number behind.
[[nodiscard]] bool is_named_like_an_engine(const std::filesystem::path& file);

// Folders in which a program that is started so may have libraries that it opens: its own, those of the files that its
// arguments name, packages of Python and Node. None of them is the system's. `executable`: what runs it, where it is a
// script.
[[nodiscard]] std::vector<std::filesystem::path> folders_of(const std::vector<std::string>& command,
                                                            const std::filesystem::path& program,
                                                            const std::filesystem::path& executable);

// Of each folder that has some, those files that are named like an engine, the likeliest first. Looks at most at some
// ten thousand files.
[[nodiscard]] std::vector<std::vector<std::filesystem::path>> engines_below(
    const std::vector<std::filesystem::path>& folders);

}  // namespace plimsoll::guard
