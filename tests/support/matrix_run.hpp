// matrix_run: what the engine says and what it takes, for many cells, in child processes that may die of it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "matrix_cells.hpp"

namespace plimsoll::test {

// What became of a question about a cell.
struct Outcome {
  enum class Kind { entries, refused, died };
  Kind kind = Kind::entries;
  std::string text;  // the budgets as text, why it was refused, or how the process ended
};

struct CellResult {
  std::optional<Outcome> dry_run;
  std::optional<Outcome> load;
  // Only where our own validation refused: what the engine itself does with the same parameters.
  std::optional<Outcome> engine;
  // Of driven cells: what is planned for readiness, and what the ledger shows after the context did everything.
  std::optional<Outcome> ready;
  std::optional<Outcome> driven;
  bool can_shift = false;   // as planned for readiness
  std::string steps;        // that made the ledger change, and how
  std::string left_behind;  // what the accounting still held after everything of this cell's load was freed
  std::uint64_t transient = 0;
};

// One result a cell. Call before this process has started threads or backends. cpu_variant: the CPU backend to use, as
// in cpu_variants.hpp, and no accelerators; empty: what the engine chooses.
[[nodiscard]] std::vector<CellResult> run_matrix(const std::vector<Cell>& cells, std::size_t processes,
                                                 const std::string& cpu_variant = {});

}  // namespace plimsoll::test
