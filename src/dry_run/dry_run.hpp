// dry run: asks the engine what a configuration takes, without taking it. This is where a plan's exact entries come
// from.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/device/device.hpp>
#include <plimsoll/engine/params.hpp>
#include <plimsoll/memory/entry.hpp>
#include "engine/facts.hpp"

namespace plimsoll::engine {
class Model;
}

namespace plimsoll::dry_run {

struct DryRunRequest {
  engine::ModelParams model{};
  engine::ContextParams context{};
  std::vector<engine::AdapterParams> adapters{};
  engine::ControlVectorParams control_vector{};
  engine::ProjectorParams projector{};
  bool at_creation = false;  // output entries as a context holds them that was just made, not as at ready
  friend bool operator==(const DryRunRequest&, const DryRunRequest&) = default;
};

// What one buffer type holds for one stage, summed over its buffers.
struct BufferEntry {
  device::DeviceId device;
  std::string buffer;
  memory::Stage stage = memory::Stage::weights;
  Bytes bytes;
  bool charged = true;  // false: page cache of the mapped file
  friend bool operator==(const BufferEntry&, const BufferEntry&) = default;
};

struct DryRun {
  std::vector<BufferEntry> entries;  // sorted by device, buffer, stage; no zero entries
  engine::ModelFacts model;
  engine::ContextFacts context;
  std::int32_t gpu_layers = 0;  // layers that really are on accelerators
  std::uint32_t outputs = 0;    // rows of logits that the output entries hold
  // The compute entries are larger than what decoding takes, for moves of positions (ContextParams::context_shift).
  bool shift_takes_more = false;
  // Vectors of the largest picture that the projector's entries are sized for; 0: no projector, or one without eyes.
  std::int32_t picture_tokens = 0;
  // Where it takes pictures of any size, and by itself larger ones than it reserves for: the limit to load it with.
  // Else as asked for; 0: none.
  std::int32_t picture_limit = 0;
  // Taken on devices during the dry run and given back again: what the engine could not be kept from allocating.
  Bytes transient;
  friend bool operator==(const DryRun&, const DryRun&) = default;
};

// Header and tokenizer are read, the memory of weights, caches and buffers is not taken. 80 ms for a small model, up to
// 1.2 s with a large vocabulary. Needs started backends. A damaged file may make the engine end the process:
// see dry_run_process.hpp. Any thread, several at once; running models of the same process are not disturbed.
// Throws Error as engine::Model::load and engine::Context::create do.
[[nodiscard]] DryRun dry_run(const DryRunRequest& request);

// Dry runs one model file under several contexts without reading the header again. One thread.
class DryRunner {
 public:
  // `header`: a BareHeader's path, read in place of the model's own.
  explicit DryRunner(const engine::ModelParams& model, const std::string& header = {});
  ~DryRunner();
  [[nodiscard]] const engine::ModelParams& params() const noexcept;
  [[nodiscard]] DryRun dry_run(const DryRunRequest& request);  // request.model must equal params()

 private:
  engine::ModelParams params_;
  std::shared_ptr<engine::Model> model_;
};

}  // namespace plimsoll::dry_run
