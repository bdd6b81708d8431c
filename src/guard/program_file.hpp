// program_file: whether a preloaded library would reach a program, judged by its file before it is started.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::guard {

// As execvp() finds it: a name with a slash is a path, any other is looked for in `path`. Empty: there is no such
// program.
[[nodiscard]] std::optional<std::filesystem::path> find_program(const std::string& name, std::string_view path);

// The reason why the dynamic linker would not preload anything into this program (it is static, for another
// architecture, gets its owner's rights, or is no program); empty where it would. A script is judged by its
// interpreter.
[[nodiscard]] std::optional<std::string> why_not_preloaded(const std::filesystem::path& program);

// What is run in the end: of a script its interpreter, also where env finds that.
[[nodiscard]] std::filesystem::path executable_of(const std::filesystem::path& program);

}  // namespace plimsoll::guard
