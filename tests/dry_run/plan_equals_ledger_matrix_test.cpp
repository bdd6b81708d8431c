// Promise P1: what a dry run says is what the ledger then shows, entry by entry, for every architecture the engine
// knows.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cpu_variants.hpp"
#include "matrix_cells.hpp"
#include "matrix_run.hpp"

namespace plimsoll::test {
namespace {

constexpr std::size_t kProcesses = 2;

struct Tally {
  std::size_t cells = 0;
  std::size_t repacked = 0;  // those with weights in a buffer that is neither the file's nor plain
  std::size_t equal = 0;
  std::vector<std::string> refused;  // by the engine, in the dry run and in the load alike
  std::size_t most_transient = 0;
  std::string most_transient_cell;
};

std::string describe(const std::optional<Outcome>& outcome) {
  if (!outcome) return "was not asked";
  switch (outcome->kind) {
    case Outcome::Kind::entries:
      return "entries:\n" + outcome->text;
    case Outcome::Kind::refused:
      return "refused: " + outcome->text;
    case Outcome::Kind::died:
      return "ended the process: " + outcome->text;
  }
  return "";
}

// What is planned is what there is after everything that can be done, and nothing was asked for in between that is not
// there at the end.
void judge_driven(const CellResult& result) {
  ASSERT_TRUE(result.ready && result.driven) << "a question was never answered";
  ASSERT_EQ(result.ready->kind, Outcome::Kind::entries) << describe(result.ready);
  ASSERT_EQ(result.driven->kind, Outcome::Kind::entries) << describe(result.driven);
  EXPECT_EQ(result.ready->text, result.driven->text) << "plan (first) and ledger (second) differ; changed by\n"
                                                     << result.steps;
}

void judge(const Cell& cell, const CellResult& result, Tally& tally) {
  SCOPED_TRACE(cell.name);
  if (cell.driven && result.load && result.load->kind == Outcome::Kind::entries) judge_driven(result);
  EXPECT_EQ(result.left_behind, "") << "still charged after the model was freed";
  ASSERT_TRUE(result.dry_run && result.load) << "a question was never answered";
  if (result.transient > tally.most_transient) {
    tally.most_transient = result.transient;
    tally.most_transient_cell = cell.name;
  }
  const bool dry_run_entries = result.dry_run->kind == Outcome::Kind::entries;
  const bool load_entries = result.load->kind == Outcome::Kind::entries;
  if (dry_run_entries && load_entries) {
    EXPECT_EQ(result.dry_run->text, result.load->text) << "plan (first) and ledger (second) differ";
    tally.equal += result.dry_run->text == result.load->text ? 1U : 0U;
    tally.repacked +=
        result.dry_run->text.contains("CPU_REPACK weights") || result.dry_run->text.contains("AMX weights");
    return;
  }
  EXPECT_EQ(dry_run_entries, load_entries)
      << "dry run " << describe(result.dry_run) << "\nload " << describe(result.load);
  if (result.engine) {
    EXPECT_NE(result.engine->kind, Outcome::Kind::entries)
        << "our validation refuses what the engine takes: " << result.load->text;
  }
  if (dry_run_entries == load_entries) {
    tally.refused.push_back(fmt::format("{}: {}{}", cell.name, describe(result.load),
                                        result.engine ? " (the engine itself: " + describe(result.engine) + ")" : ""));
  }
}

void compare(const std::vector<Cell>& cells, Tally& tally, const std::string& cpu_variant = {}) {
  SCOPED_TRACE(cpu_variant);
  const std::vector<CellResult> results = run_matrix(cells, kProcesses, cpu_variant);
  for (std::size_t i = 0; i < cells.size(); ++i) judge(cells[i], results[i], tally);
  tally.cells += cells.size();
}

void tell(const Tally& tally) {
  fmt::print("{} cells compared: {} equal, {} refused by the engine, {} neither\n", tally.cells, tally.equal,
             tally.refused.size(), tally.cells - tally.equal - tally.refused.size());
  for (const std::string& refused : tally.refused) fmt::print("  {}\n", refused);
  fmt::print("most that a dry run took for a while: {} bytes ({})\n", tally.most_transient, tally.most_transient_cell);
  EXPECT_GT(tally.equal, 0U);
}

TEST(PlanEqualsLedger, LineByLineForEveryArchitecture) {
  Tally tally;
  compare(matrix_cells(extent_from_environment()), tally);
  tell(tally);
}

// Not only what a context takes when it is made: whatever it does later, what was planned is enough.
TEST(PlanEqualsLedger, AfterAContextHasDoneWhateverItCan) {
  Tally tally;
  compare(driven_cells_on_the_cpu(extent_from_environment()), tally);
  tell(tally);
}

// What is repacked, and into how much, is a CPU backend's own affair.
TEST(PlanEqualsLedger, ForWeightsOfEveryTypeOnEveryCpuThatThisMachineCanBe) {
  const std::vector<std::string> variants = cpu_variants();
  ASSERT_FALSE(variants.empty()) << "no CPU backends beside the engine's libraries";
  Tally tally;
  for (const std::string& variant : variants) compare(quantized_cells_on_the_cpu(), tally, variant);
  compare(quantized_cells_on_a_device(), tally);
  tell(tally);
  EXPECT_GT(tally.repacked, 0U) << "no cell had weights in a layout of the CPU's own";
  fmt::print("CPU backends: {}; {} cells with repacked weights\n", fmt::join(variants, ", "), tally.repacked);
}

}  // namespace
}  // namespace plimsoll::test
