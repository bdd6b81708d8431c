// messages: what goes between a host and the process of a model, as values and as the RPC library's.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/version.hpp"
#include "model_worker.capnp.h"
#include "plan/plan.hpp"
#include "run/generation_work.hpp"
#include "run/sequence_snapshot.hpp"
#include "run/warm_up.hpp"

namespace plimsoll::worker {

// What a worker is asked to load.
struct OpenRequest {
  std::string version{plimsoll::version()};  // of the host's program
  plan::ModelPlan plan{};
  std::vector<memory::Ledger::PlannedEntry> compute_buffers{};  // of its compute group; none: it has its own
  std::vector<plan::DeviceVerdict> devices{};  // of the plan; their budgets are what the worker may take
  run::WarmUpDepth warm_up = run::WarmUpDepth::automatic;
};

// What became of it.
struct Opened {
  std::string fingerprint{};
  std::vector<memory::Entry> held{};           // under the model's name
  std::vector<memory::Entry> held_by_group{};  // under its compute group's
  Bytes process{};                             // of the host's memory, before there was any model in it
  double load_ms = 0;
  double warm_up_ms = 0;
};

[[nodiscard]] std::string to_text(const OpenRequest& request);
// Throws Error{unsupported} for one of another version: what a library's program finds in PATH may be any.
[[nodiscard]] OpenRequest open_request_from(const std::string& text);
[[nodiscard]] std::string to_text(const Opened& opened);
[[nodiscard]] Opened opened_from(const std::string& text);

// What of the parameters can cross: no callbacks, no stop. Throws Error{unsupported} for a sampler of the caller's own,
// where on_token reads logits, and where tokens are to be forgotten for new ones.
void require_can_cross(const run::GenerationParams& params);
[[nodiscard]] std::string to_text(const run::GenerationParams& params);
struct GenerationRequest {
  run::GenerationParams params{};
  std::optional<run::SpeculationParams> speculation{};  // with the draft's sequence that comes beside it
  bool tells_progress = false;
  bool tells_prompt_decoded = false;
};
[[nodiscard]] GenerationRequest generation_request_from(const std::string& text);

// Without its memory.
[[nodiscard]] std::string header_of(const run::SequenceSnapshot& snapshot);
[[nodiscard]] run::SequenceSnapshot snapshot_from(const std::string& header);

void write(rpc::Output::Builder to, const run::GenerationOutput& output, const std::string& stop_string);
struct ReadOutput {
  run::GenerationOutput output{};
  std::string stop_string{};
};
[[nodiscard]] ReadOutput read(rpc::Output::Reader from);

[[nodiscard]] std::vector<engine::Token> tokens_of(capnp::List<std::int32_t>::Reader list);
template <class List>
void write_list(List to, const auto& values) {
  for (std::size_t i = 0; i < values.size(); ++i) to.set(static_cast<capnp::uint>(i), values[i]);
}

}  // namespace plimsoll::worker
