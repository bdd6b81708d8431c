// table: the parameters of a model, its context and its projector, a row each. Every surface reads the rows: the
// command line, fleet files, requests, a dry run's key, alternatives, help, man page, completions and docs.
//
// A new parameter is a member of its struct in engine/params.hpp, a row in src/options/table.cpp, and its use where
// src/engine fills the engine's struct. scripts/option-tables.py then writes the pages. A flag that begins with "--no-"
// makes its member false, so the member is true by default and named for what it switches off; its key is the flag's
// name without "no-".
#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include <plimsoll/engine/params.hpp>
#include "options/option.hpp"

namespace plimsoll::options {

using Json = nlohmann::ordered_json;

// One parameter. `Params`: engine::ModelParams, engine::ContextParams or engine::ProjectorParams.
template <class Params>
class Row : public Option {
 public:
  explicit Row(Option option) : Option(std::move(option)) {}
  virtual ~Row() = default;
  // Sets the value; a list grows by it. `place` begins the sentence: "--ctx-size", "'ctx-size'". Throws Error{usage}.
  virtual void read(Params& params, const std::string& place, const std::string& text) const = 0;
  [[nodiscard]] virtual std::string text(const Params& params) const = 0;  // what read() understands
  [[nodiscard]] virtual Json to_json(const Params& params) const = 0;      // without loss
  // Throws Error{unsupported} for an enumerator that the engine does not have, else what the JSON library throws.
  virtual void from_json(Params& params, const Json& json) const = 0;
  // Where `other` has the value of `from`, it gets that of `to`.
  virtual void follow(Params& other, const Params& from, const Params& to) const = 0;
};

template <class Params>
using Rows = std::vector<std::unique_ptr<const Row<Params>>>;

// In the order of help and docs.
template <class Params>
[[nodiscard]] const Rows<Params>& rows();

template <class Params>
[[nodiscard]] const Row<Params>& row_of(std::string_view param);  // throws Error{internal} where there is none

// {"n_ctx": 4096, ...}: every row by its param, or those alone that change what a dry run counts.
enum class Part : std::uint8_t { everything, dry_run_key };
template <class Params>
[[nodiscard]] Json to_json(const Params& params, Part part = Part::everything);
template <class Params>
[[nodiscard]] Params from_json(const Json& json);  // throws as Row::from_json() does

// What goes from one value to another between `from` and `to` goes there in `other`, too, where it had the first one.
template <class Params>
void follow(Params& other, const Params& from, const Params& to);

}  // namespace plimsoll::options
