// option: what every surface says about one option: how it is written on the command line, in the environment, in a
// fleet file and in a request, and what it means. Values; any thread.
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::options {

// The section of help and docs.
enum class Group : std::uint8_t { model, context, budget, draft };
// How a value is written where types exist, as in TOML.
enum class Kind : std::uint8_t { flag, number, real, text, number_or_text, list };
// What another value changes: the bytes that a dry run counts, the work of a ready model alone, or neither.
enum class Changes : std::uint8_t { dry_run, runtime, nothing };

struct Option {
  std::string param{};               // the engine's name: in a dry run's key, and in what an alternative changes
  std::vector<std::string> flags{};  // {"-c", "--ctx-size"}: advice names the first; empty: not on the command line
  std::string value{};               // what stands for the value in a text: "N"; empty: a flag
  std::string text{};                // what it means, as Markdown
  std::string by_default{};          // the same; of a parameter: its value, where nothing stands here
  std::string key{};                 // in fleet files and requests: "ctx-size"; empty: in neither
  std::string wants{};               // ends the sentence "... does not know 'x'; it takes"
  std::vector<std::string> words{};  // values that a shell can complete
  Kind kind = Kind::text;
  Group group = Group::model;
  Changes changes = Changes::dry_run;
  bool repeats = false;     // each time it is given counts, not the last alone
  bool has_env = true;      // the command line also takes it from env()
  bool is_file = false;     // a shell completes file names
  bool has_commas = false;  // of a list: its values may have commas, so it tells them apart itself
  std::int64_t least = 0;   // of a number
  std::int64_t most = std::numeric_limits<std::int32_t>::max();

  [[nodiscard]] const std::string& long_flag() const;  // "--ctx-size"; empty without flags
  [[nodiscard]] std::string env() const;               // "PLIMSOLL_CTX_SIZE"; empty where the environment has none
};

// "`row` is [refused](planning.md)" -> "row is refused"
[[nodiscard]] std::string without_markup(std::string_view markdown);

// A sentence of the parts below in the words of the command line: parameters by their flags. "give it n_ubatch 16" ->
// "give it --ubatch-size 16". Parameters whose name is a word of plain English stay.
[[nodiscard]] std::string in_flags(std::string_view sentence);

// Every option in the order of help and docs, those of table.hpp among them.
[[nodiscard]] std::vector<Option> all_options();
// Throw Error{internal} where there is none.
[[nodiscard]] Option option_of_flag(std::string_view long_flag);
[[nodiscard]] Option option_of_param(std::string_view param);  // one with a key

}  // namespace plimsoll::options
