// Uploads: weights that reach an accelerator at the link's speed: several threads read the file into pinned memory,
// each into a piece of its own, and hand it to the device while the others read on.
//
// The engine itself copies them from pageable memory, or with one thread, at a tenth of that (decision 0027). It stays
// in charge: it makes the buffers and says what goes where, so that they are byte for byte what they are without this.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/device/device.hpp>
#include <plimsoll/engine/params.hpp>
#include "memory/ledger.hpp"

struct ggml_tensor;

namespace plimsoll::tracker {

class KeptWeights;

// Each reading thread has a piece of this size; there are as many as threads may compute, 2 to 8. So a load takes 8 to
// 32 MiB of pinned memory beside its plan, where they fit into the host's budget, and gives them back at its end.
inline constexpr Bytes kStagingPiece{std::uint64_t{4} << 20U};
inline constexpr std::size_t kFewestPieces = 2;
inline constexpr std::size_t kMostPieces = 8;

// Below this, starting threads and pinning memory takes longer than it saves.
inline constexpr Bytes kWorthUploading{std::uint64_t{64} << 20U};

// A weight that went to a device this way, for as long as its model lives.
struct UploadedWeight {
  const ggml_tensor* tensor = nullptr;
  std::string name;
};

struct UploadCounts {
  std::uint64_t weights = 0;
  Bytes from_file;
  Bytes from_kept;  // from KeptWeights
  double ms = 0;    // from the first one's start to the last one's arrival
};

// One load of one model, on one thread: from construction to destruction what the engine copies on this thread to a
// device with pinned memory and copies beside computing comes this way.
class Uploads {
 public:
  // The owner of its memory in the ledger, in the stage `staging`.
  static constexpr const char* kOwner = "uploads";

  struct Request {
    const engine::ModelParams& model;
    std::vector<device::DeviceId> devices;      // where weights are planned
    std::shared_ptr<const KeptWeights> kept{};  // used in the file's place
  };
  // Where this does not serve (no such device, no mapped load, weights that are checked, no free budget, no hook
  // in the way), nothing is done, and the engine loads by itself.
  Uploads(const memory::Ledger& ledger, Request request);
  ~Uploads();  // waits for what is on its way
  Uploads(const Uploads&) = delete;
  Uploads& operator=(const Uploads&) = delete;

  [[nodiscard]] bool is_active() const noexcept { return impl_ != nullptr; }
  // After the engine has loaded: waits until everything has arrived. Throws Error: model_unusable (the file was cut,
  // changed, cannot be read), engine_failed (the device was lost). The model must not be used then.
  void finish();
  [[nodiscard]] UploadCounts counts() const;
  // After finish(): the weights that it carried, in the engine's order.
  [[nodiscard]] std::vector<UploadedWeight> weights() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::tracker
