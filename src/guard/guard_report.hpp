// guard_report: what a guard has seen in one process, as a value, as JSON and as a few lines for people.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/memory/entry.hpp>
#include <plimsoll/memory/refusal.hpp>
#include "base/clock.hpp"
#include "run/warm_up_report.hpp"

namespace plimsoll::guard {

struct EngineRow {
  std::string library{};  // the file that has ggml's allocator
  std::string ggml{};     // empty: it does not say
  std::string llama{};
  bool guarded = false;
  std::string why_not{};  // a sentence without a full stop; empty: it is guarded
};

struct DeviceRow {
  device::DeviceId device{};
  std::string description{};
  std::optional<Bytes> budget{};
  Bytes taken{};
  Bytes peak{};  // of what passed the guard, at one moment
};

struct ModelRow {
  std::string name{};
  std::string file{};
  bool loaded = false;  // false: freed again
};

enum class ContextState {
  ready,     // handed to the program
  refused,   // the program got none
  freed,     // by the program
  not_seen,  // nothing of it passed the guard: a trial that takes no memory, or an engine that calls itself
};
[[nodiscard]] std::string_view to_string(ContextState state) noexcept;

struct ContextRow {
  std::string name{};
  std::string model{};
  ContextState state = ContextState::ready;
  std::string why{};  // of a refused one, and where the warm-up was left out or is not complete
  std::uint32_t n_ctx = 0;
  std::uint32_t n_batch = 0;
  std::uint32_t n_ubatch = 0;
  std::uint32_t n_seq_max = 0;
  run::WarmUpDepth depth = run::WarmUpDepth::none;
  run::WarmUpReport warm_up{};
  Bytes made{};     // what the engine took to make it
  Bytes warmed{};   // what came with the warm-up, seen by the guard or by the device's reading alone
  Bytes runtime{};  // of both: what only the device's reading shows
  bool sealed = false;
  memory::SealCounts after{};  // what was asked for once it was ready
  Bytes taken_after{};
  std::uint64_t computed = 0;  // calls of llama_decode and its like by the program
};

struct Report {
  std::string name{};
  int pid = 0;
  std::string program{};  // its file
  Clock::TimePoint started{};
  Clock::TimePoint written{};
  bool ended = false;
  std::vector<EngineRow> engines{};
  std::vector<DeviceRow> devices{};
  std::vector<ModelRow> models{};
  std::vector<ContextRow> contexts{};
  std::uint64_t contexts_left_out = 0;  // freed ones of which only the numbers were kept
  std::uint64_t allocations = 0;
  std::uint64_t refused = 0;
  std::vector<std::string> refusals{};  // the latest, as sentences
  std::vector<memory::Entry> entries{};
  std::optional<Bytes> grown_since_ready{};  // of the cards, as their readings tell it; empty: nothing is ready
};

// plimsoll.guard/1.
[[nodiscard]] std::string to_json(const Report& report);
// Without line ends.
[[nodiscard]] std::vector<std::string> to_lines(const Report& report);

}  // namespace plimsoll::guard
