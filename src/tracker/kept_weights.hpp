// KeptWeights: a model's weights on accelerators, copied to pinned host memory, from where its next load takes them.
#pragma once
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include "tracker/uploads.hpp"

struct ggml_backend_buffer;

namespace plimsoll::tracker {

// What a copy of them takes, block by block.
[[nodiscard]] Bytes size_when_kept(const std::vector<UploadedWeight>& weights);

// Read-only once it is made; then any thread.
class KeptWeights {
 public:
  // The owner of the copies in the ledger, as weights on the host.
  static constexpr const char* kOwner = "kept";

  // Reads them back from their devices, without the file. Null where not all of them fit into the budget or the memory,
  // or a device was lost; then nothing is held. `weights`: of a model that lives.
  [[nodiscard]] static std::shared_ptr<const KeptWeights> copy_of(const std::vector<UploadedWeight>& weights);
  ~KeptWeights();
  KeptWeights(const KeptWeights&) = delete;
  KeptWeights& operator=(const KeptWeights&) = delete;

  // Null: there is none of that name and size.
  [[nodiscard]] const std::byte* find(const std::string& name, std::size_t bytes) const;
  [[nodiscard]] Bytes size() const noexcept { return size_; }

 private:
  KeptWeights() = default;
  [[nodiscard]] bool take_blocks(const std::vector<UploadedWeight>& weights);
  [[nodiscard]] bool read_back(const std::vector<UploadedWeight>& weights);

  struct Place {
    std::byte* data = nullptr;
    std::size_t bytes = 0;
  };
  std::vector<ggml_backend_buffer*> blocks_;
  std::map<std::string, Place> places_;
  Bytes size_;
};

}  // namespace plimsoll::tracker
