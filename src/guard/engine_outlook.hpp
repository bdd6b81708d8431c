// engine_outlook: what a guard would say of a command, before it runs: whether it can be preloaded, and which builds of
// ggml the program is linked with, or has beside it.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::guard {

enum class Found {
  linked,     // the dynamic linker loads it with the program
  beside,     // it lies where the program or its files do; whether it is opened shows when it runs
  of_system,  // whoever opens it by its name gets this one
};
[[nodiscard]] std::string_view to_string(Found found) noexcept;

struct EngineOutlook {
  std::filesystem::path library{};  // that has ggml's allocator
  Found found = Found::linked;
  std::string ggml{};     // its version; empty: it does not say
  std::string why_not{};  // a sentence without a full stop; empty: it would be guarded
};

struct Outlook {
  std::filesystem::path program{};
  std::optional<std::string> why_not{};  // it is not started at all
  bool has_engine_inside = false;        // ggml is linked into the program itself, where nobody can stand before it
  std::vector<EngineOutlook> engines{};
};

// The program is not run. Libraries are loaded in a child, to ask them for their version. To be called while this
// process has one thread. Throws Error{usage} where there is no such program, Error{io}.
[[nodiscard]] Outlook outlook_of(const std::vector<std::string>& command);

// For people, a line each.
[[nodiscard]] std::vector<std::string> to_lines(const Outlook& outlook);

}  // namespace plimsoll::guard
