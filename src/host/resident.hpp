// Resident: a loaded model.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <plimsoll/host/status.hpp>
#include "base/mutex.hpp"
#include "run/compute_group.hpp"
#include "run/served_model.hpp"
#include "run/speculative.hpp"

namespace plimsoll::host {

// A model that is ready, and its place in the compute group, which ends after it.
struct Ready {
  std::unique_ptr<run::ComputeGroup::Member> member;  // where it computes in this process
  std::shared_ptr<void> holds;                        // where it computes in one of its own: see IsolatedModels
  std::unique_ptr<run::ServedModel> model;
  double warm_up_ms = 0;  // context to ready
};

// Leases share it; the Queue keeps it for as long as the model is loaded. Its idle conversations are the
// ConversationStore's, and end before it does.
struct Resident : Ready {
  std::string name;
  std::optional<Ready> draft;  // has a sequence for each of the model's
  run::SpeculationParams speculation{};
  Mutex sequences;  // held by who takes a free sequence of the context, or makes one free for itself

  // Its device, or its draft's, computes no more.
  [[nodiscard]] bool has_failed() const noexcept {
    return model->has_failed() || (draft && draft->model->has_failed());
  }
  // False: a file of it was changed while it was mapped.
  [[nodiscard]] bool is_intact() const { return model->is_intact() && (!draft || draft->model->is_intact()); }
  // A double of tests has no model.
  [[nodiscard]] std::uint64_t tokens_computed() const noexcept { return model ? model->tokens_computed() : 0; }
  [[nodiscard]] std::uint64_t tokens_generated() const noexcept { return model ? model->tokens_generated() : 0; }
  [[nodiscard]] std::optional<ProcessStatus> process() const {
    const auto facts = model ? model->process() : std::nullopt;
    if (!facts) return std::nullopt;
    return ProcessStatus{.pid = facts->pid, .restarts = facts->restarts};
  }
  [[nodiscard]] std::size_t cells_used() const noexcept { return model ? model->cells_used() : 0; }
  [[nodiscard]] memory::SealCounts seal_counts() const { return model ? model->seal_counts() : memory::SealCounts{}; }
};

}  // namespace plimsoll::host
