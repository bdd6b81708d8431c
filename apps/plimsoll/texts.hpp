// Texts: where the texts of a subcommand come from: flags, the lines of a file, or the lines of stdin.
#pragma once
#include <string>
#include <vector>

#include <plimsoll/engine/params.hpp>
#include "engine/vocab.hpp"

namespace plimsoll::app {

// `given`, else the lines of `file`, else those of stdin. Empty lines are left out. Throws Error{usage} where the file
// cannot be read, or nothing came.
[[nodiscard]] std::vector<std::string> read_texts(const std::vector<std::string>& given, const std::string& file);
[[nodiscard]] std::string read_file(const std::string& path);  // throws Error{usage}
[[nodiscard]] std::string read_stdin();

// "1,2,3". Throws Error{usage}.
[[nodiscard]] std::vector<engine::Token> token_list(const std::string& text);
[[nodiscard]] std::vector<std::vector<engine::Token>> token_lists(const std::vector<std::string>& given);

// As many sequences as texts are sent through the model together, where nobody said how many: 16, or what one
// micro-batch and the context hold a token each of.
void share_one_batch(engine::ContextParams& context);

}  // namespace plimsoll::app
