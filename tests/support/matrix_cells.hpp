// matrix_cells: the cells of "plan = ledger": a model, where it lies, how its context is made.
#pragma once
#include <string>
#include <vector>

#include <plimsoll/engine/params.hpp>

namespace plimsoll::test {

// Where a model lies.
enum class Placement { host_mapped, host_read, device_all, device_half, device_none, two_devices, two_devices_half };

struct Cell {
  std::string path;
  std::string name;  // "mamba-dense, host mapped, 4 sequences, q8_0"
  Placement placement = Placement::host_mapped;
  engine::ContextParams context;
  bool repack = true;   // weights may be copied into a layout of the CPU's own
  bool driven = false;  // the context is made to do whatever a session can make it do, and then compared with what was
                        // planned for readiness

  [[nodiscard]] engine::ModelParams model() const;
  [[nodiscard]] bool same_load(const Cell& other) const {
    return path == other.path && placement == other.placement && repack == other.repack;
  }
};

// fast: what every plan is made of: placements, sequences, cache types, micro-batches. full: the context's other
// options too.
enum class Extent { fast, full };
[[nodiscard]] Extent extent_from_environment();  // PLIMSOLL_MATRIX; fast where it is not set

// Cells that share a load are neighbours.
[[nodiscard]] std::vector<Cell> matrix_cells(Extent extent);

// Weights of each type, of a dense model and one of experts, as they lie in the file and as the CPU lays them out:
// what a CPU repacks depends on its instructions, so these are asked of each of the engine's CPU backends.
[[nodiscard]] std::vector<Cell> quantized_cells_on_the_cpu();
// The same partly on an accelerator, whose host's part may be repacked, too.
[[nodiscard]] std::vector<Cell> quantized_cells_on_a_device();

// Contexts that are driven through everything. Every graph that the engine builds while it works is met, also those
// that it did not reserve when the context was made. fast: two models; full: all of them.
[[nodiscard]] std::vector<Cell> driven_cells_on_the_cpu(Extent extent);

}  // namespace plimsoll::test
