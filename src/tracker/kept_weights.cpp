#include "tracker/kept_weights.hpp"

#include <ggml.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <set>
#include <thread>

#include "base/log.hpp"
#include "engine/threads.hpp"
#include "tracker/scope.hpp"

#include "pinned.hpp"

namespace plimsoll::tracker {
namespace {

// Pinned memory is had in blocks: drivers limit how large one may be, and a smaller one is found more easily.
constexpr std::size_t kBlock = std::size_t{256} << 20U;
constexpr std::size_t kAlignment = 256;
constexpr std::size_t kMostCopyThreads = 8;

std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// How large each block is, where weights are laid into them in their order. A large weight has one of its own.
std::vector<std::size_t> blocks_for(const std::vector<UploadedWeight>& weights) {
  std::vector<std::size_t> blocks;
  for (const UploadedWeight& weight : weights) {
    const std::size_t bytes = aligned(ggml_nbytes(weight.tensor));
    if (blocks.empty() || blocks.back() + bytes > kBlock) blocks.push_back(0);
    blocks.back() += bytes;
  }
  return blocks;
}

// A weight that several devices have is kept once.
std::vector<UploadedWeight> each_once(std::vector<UploadedWeight> weights) {
  std::set<std::string> names;
  std::erase_if(weights, [&](const UploadedWeight& weight) { return !names.insert(weight.name).second; });
  return weights;
}

}  // namespace

Bytes size_when_kept(const std::vector<UploadedWeight>& weights) {
  Bytes sum;
  for (const std::size_t block : blocks_for(each_once(weights))) sum += Bytes{block};
  return sum;
}

std::shared_ptr<const KeptWeights> KeptWeights::copy_of(const std::vector<UploadedWeight>& all) {
  const std::vector<UploadedWeight> weights = each_once(all);
  if (weights.empty()) return nullptr;
  const std::shared_ptr<KeptWeights> kept(new KeptWeights);
  return kept->take_blocks(weights) && kept->read_back(weights) ? kept : nullptr;
}

KeptWeights::~KeptWeights() {
  for (ggml_backend_buffer_t block : blocks_) ggml_backend_buffer_free(block);
}

const std::byte* KeptWeights::find(const std::string& name, std::size_t bytes) const {
  const auto found = places_.find(name);
  return found != places_.end() && found->second.bytes == bytes ? found->second.data : nullptr;
}

bool KeptWeights::take_blocks(const std::vector<UploadedWeight>& weights) {
  ggml_backend_buffer_type_t type = pinned_type_of(uploadable_device_of(weights.front().tensor));
  if (type == nullptr) return false;
  Scope scope(kOwner, Phase::load);
  for (const std::size_t bytes : blocks_for(weights)) {
    blocks_.reserve(blocks_.size() + 1);
    ggml_backend_buffer_t block = ggml_backend_buft_alloc_buffer(type, bytes);
    if (block == nullptr) {
      (void)scope.take_refusal();
      return false;
    }
    blocks_.push_back(block);
    size_ += Bytes{bytes};
  }
  std::size_t block = 0;
  std::size_t used = 0;
  for (const UploadedWeight& weight : weights) {
    const std::size_t bytes = ggml_nbytes(weight.tensor);
    if (used > 0 && used + aligned(bytes) > kBlock) {
      ++block;
      used = 0;
    }
    auto* const base = static_cast<std::byte*>(ggml_backend_buffer_get_base(blocks_[block]));
    places_[weight.name] = {.data = base + used, .bytes = bytes};
    used += aligned(bytes);
  }
  return true;
}

bool KeptWeights::read_back(const std::vector<UploadedWeight>& weights) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  const auto read = [&] {
    try {
      for (std::size_t i = next++; i < weights.size() && !failed; i = next++) {
        const Place& place = places_.at(weights[i].name);
        ggml_backend_tensor_get(weights[i].tensor, place.data, 0, place.bytes);
      }
    } catch (const std::exception& error) {
      log::warn("tracker", "weights could not be read back from their device: {}", error.what());
      failed = true;
    }
  };
  {
    std::vector<std::jthread> helpers;
    const auto count = std::min(static_cast<std::size_t>(engine::default_threads()), kMostCopyThreads);
    try {
      while (helpers.size() + 1 < count) helpers.emplace_back(read);
    } catch (const std::exception&) {  // no thread for it: this one does it
    }
    read();
  }
  return !failed;
}

}  // namespace plimsoll::tracker
