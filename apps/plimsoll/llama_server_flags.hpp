// llama_server_flags: the flags of a start script for llama-server that `serve` does not have itself.
#pragma once
#include <CLI/CLI.hpp>

#include <optional>
#include <string>
#include <vector>

namespace plimsoll::app {

// The arguments as `serve` takes them; those of other subcommands are left alone. What means the same is written in our
// words; what has no meaning here is left out, and `notes` gets a sentence for it. A flag that `serve` has is its own.
// Throws Error{usage} for what would end in another model than was asked for: -hf, --model-url.
[[nodiscard]] std::vector<std::string> without_llama_server_flags(std::vector<std::string> arguments,
                                                                  const CLI::App& program,
                                                                  std::vector<std::string>& notes);

// Whether a value follows that flag, of `serve` itself or of llama-server; empty: neither has it.
[[nodiscard]] std::optional<bool> takes_value(const std::string& flag, const CLI::App& serve);

}  // namespace plimsoll::app
