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
[[nodiscard]] std::string read_stdin();
// As a text file says it: without a byte order mark, its lines ending in \n alone.
[[nodiscard]] std::string as_text(std::string bytes);
// The text of a file; "-": of stdin. Throws Error{usage}.
[[nodiscard]] std::string read_text(const std::string& path);
// Somebody pipes a text in, or has a file as stdin.
[[nodiscard]] bool stdin_is_given();

// "1,2,3". Throws Error{usage}.
[[nodiscard]] std::vector<engine::Token> token_list(const std::string& text);
[[nodiscard]] std::vector<std::vector<engine::Token>> token_lists(const std::vector<std::string>& given);

// As many sequences as texts are sent through the model together, where nobody said how many: 16, or what one
// micro-batch and the context hold a token each of.
void share_one_batch(engine::ContextParams& context);

}  // namespace plimsoll::app
