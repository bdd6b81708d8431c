// SequenceState: one sequence's memory as bytes on the host, to be put back later or elsewhere.
#pragma once
#include <cstdint>
#include <vector>

#include <plimsoll/engine/context.hpp>

namespace plimsoll::engine {

// A copy; belongs to nobody's device. The bytes are the engine's private format of this build.
class SequenceState {
 public:
  [[nodiscard]] static SequenceState save(Context& context, SequenceId sequence);
  // Replaces the sequence's content. Throws Error{engine_failed} where the bytes do not fit this context;
  // the sequence is then empty.
  void restore(Context& context, SequenceId sequence) const;
  [[nodiscard]] Bytes size() const noexcept { return Bytes{data_.size()}; }

 private:
  std::vector<std::uint8_t> data_;
};

}  // namespace plimsoll::engine
