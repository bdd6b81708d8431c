// SequenceState: one sequence's memory as bytes on the host, to be put back later or elsewhere.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "base/large_blocks.hpp"
#include "engine/context.hpp"

namespace plimsoll::engine {

using StateBytes = std::vector<std::uint8_t, LargeBlockAllocator<std::uint8_t>>;

// A copy; belongs to nobody's device. The bytes are the engine's private format of this build.
class SequenceState {
 public:
  explicit SequenceState(StateBytes bytes) : data_(std::move(bytes)) {}  // of an earlier save()
  // They throw Error{usage} where moves of the context's memory are pending (Context::has_pending_moves).
  [[nodiscard]] static SequenceState save(Context& context, SequenceId sequence);
  // How many bytes save() would give. Throws likewise.
  [[nodiscard]] static Bytes size_of(Context& context, SequenceId sequence);
  // Replaces the sequence's content. Throws Error{engine_failed} where the bytes do not fit this context;
  // the sequence is then empty.
  void restore(Context& context, SequenceId sequence) const;
  [[nodiscard]] const StateBytes& bytes() const& noexcept { return data_; }
  [[nodiscard]] StateBytes bytes() && noexcept { return std::move(data_); }
  [[nodiscard]] Bytes size() const noexcept { return Bytes{data_.size()}; }

 private:
  SequenceState() = default;
  StateBytes data_;
};

}  // namespace plimsoll::engine
