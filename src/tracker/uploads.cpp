#include "tracker/uploads.hpp"

#include <fmt/format.h>
#include <ggml.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/clock.hpp"
#include "base/log.hpp"
#include "engine/threads.hpp"
#include "tracker/hook.hpp"
#include "tracker/kept_weights.hpp"
#include "tracker/scope.hpp"
#include "tracker/tracker.hpp"

#include "pinned.hpp"
#include "weight_files.hpp"

namespace plimsoll::tracker {
namespace {

// A weight is cut so that every thread has a part of it, but not into parts that cost more to hand over than to carry.
constexpr std::size_t kSmallestPart = std::size_t{256} << 10U;
constexpr std::size_t kPartStep = std::size_t{64} << 10U;

std::size_t part_of(std::size_t bytes, std::size_t threads) {
  const std::size_t even = (bytes / threads + kPartStep) / kPartStep * kPartStep;
  return std::clamp(even, kSmallestPart, static_cast<std::size_t>(kStagingPiece.value()));
}

// Mapped without being read, and for reading here and there; what stays mapped is to be as if it had been read.
void read_ahead(const void* begin, std::size_t bytes) noexcept {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const std::uintptr_t first = reinterpret_cast<std::uintptr_t>(begin) / page * page;
  const std::uintptr_t last = (reinterpret_cast<std::uintptr_t>(begin) + bytes + page - 1) / page * page;
  void* const pages = reinterpret_cast<void*>(first);  // NOLINT(performance-no-int-to-ptr)
  (void)madvise(pages, last - first, MADV_NORMAL);
#ifdef MADV_POPULATE_READ
  if (madvise(pages, last - first, MADV_POPULATE_READ) == 0) return;
#endif
  (void)madvise(pages, last - first, MADV_WILLNEED);
}

std::size_t pieces_wanted() {
  return std::clamp(static_cast<std::size_t>(engine::default_threads()), kFewestPieces, kMostPieces);
}

// How many pieces fit into the host's budget beside all that is committed.
std::size_t pieces_that_fit(const memory::Ledger& ledger) {
  const memory::DeviceAccount account = ledger.account(device::host());
  if (!account.budget) return pieces_wanted();
  const Bytes left = saturating_sub(*account.budget, account.committed);
  return std::min(pieces_wanted(), static_cast<std::size_t>(left.value() / kStagingPiece.value()));
}

// A refusal is not reported: the engine loads by itself then.
PinnedBuffer take_staging(ggml_backend_buffer_type_t type, std::size_t pieces) {
  Scope scope(Uploads::kOwner, Phase::staging);
  PinnedBuffer buffer(ggml_backend_buft_alloc_buffer(type, pieces * kStagingPiece.value()));
  (void)scope.take_refusal();
  return buffer;
}

ggml_backend_buffer_type_t pinned_type_for(const std::vector<device::DeviceId>& devices) {
  for (const device::DeviceId& device : devices) {
    ggml_backend_buffer_type_t type = pinned_type_of(ggml_backend_dev_by_name(device.name().c_str()));
    if (type != nullptr) return type;
  }
  return nullptr;
}

}  // namespace

// One queue of parts, and a thread for each piece of staging memory. What waits is bounded, so that the engine's
// progress is ours.
class Uploads::Impl final : public hook::Uploader {
 public:
  Impl(PinnedBuffer staging, std::size_t pieces, const std::string& path, std::shared_ptr<const KeptWeights> kept)
      : files_(path),
        kept_(std::move(kept)),
        staging_(std::move(staging)),
        most_waiting_(2 * pieces * kStagingPiece.value()) {
    auto* const base = static_cast<std::byte*>(ggml_backend_buffer_get_base(staging_.get()));
    try {
      for (std::size_t i = 0; i < pieces; ++i)
        threads_.emplace_back([this, piece = base + i * kStagingPiece.value()] { carry_all(piece); });
    } catch (const std::exception&) {  // no thread for it: as many as there are
      if (threads_.empty()) throw;
    }
    here_.emplace(this);
  }

  ~Impl() override {
    here_.reset();
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    work_.notify_all();
    threads_.clear();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  bool write(ggml_tensor* tensor, const void* data, std::size_t offset, std::size_t bytes) noexcept override {
    try {
      if (has_failed()) return true;
      const std::optional<Part> whole = offset == 0 ? whole_of(tensor, data, bytes) : std::nullopt;
      if (whole) {
        note(*whole);
        const std::size_t step = part_of(bytes, threads_.size());
        for (std::size_t at = 0; at < bytes; at += step) push(whole->part(at, std::min(step, bytes - at)));
        return true;
      }
    } catch (const std::exception&) {  // no memory for an entry of the list: the engine copies all of it
    }
    finish_uploads();
    read_ahead(data, bytes);
    return false;
  }

  void stay_mapped(void* begin, std::size_t bytes) noexcept override { read_ahead(begin, bytes); }

  void finish_uploads() noexcept override {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return waiting_ == 0; });
  }

  void finish() {
    finish_uploads();
    if (since_first_) counts_.ms = since_first_->elapsed_ms();
    {
      const std::lock_guard lock(mutex_);
      if (failure_) throw Error(*failure_);
    }
    files_.require_unchanged();
  }

  [[nodiscard]] const UploadCounts& counts() const noexcept { return counts_; }
  [[nodiscard]] const std::vector<UploadedWeight>& weights() const noexcept { return weights_; }

 private:
  // Bytes on their way: [from, from + bytes) of a file, or of memory that is kept, to `to` of the tensor.
  struct Part {
    ggml_tensor* tensor = nullptr;
    const std::byte* kept = nullptr;
    std::uint32_t file = 0;
    std::uint64_t from = 0;
    std::size_t to = 0;
    std::size_t bytes = 0;
    [[nodiscard]] Part part(std::size_t at, std::size_t size) const {
      Part out = *this;
      if (out.kept != nullptr) out.kept += at;
      out.from += at;
      out.to = at;
      out.bytes = size;
      return out;
    }
  };

  // Empty: not ours to carry.
  std::optional<Part> whole_of(ggml_tensor* tensor, const void* data, std::size_t bytes) {
    if (bytes != ggml_nbytes(tensor) || uploadable_device_of(tensor) == nullptr) return std::nullopt;
    const auto place = files_.find(ggml_get_name(tensor), data, bytes);
    if (!place) return std::nullopt;
    return Part{.tensor = tensor,
                .kept = kept_ ? kept_->find(ggml_get_name(tensor), bytes) : nullptr,
                .file = place->file,
                .from = place->offset,
                .to = 0,
                .bytes = bytes};
  }

  void note(const Part& whole) {
    if (!since_first_) since_first_.emplace();
    weights_.push_back({.tensor = whole.tensor, .name = ggml_get_name(whole.tensor)});
    ++counts_.weights;
    (whole.kept != nullptr ? counts_.from_kept : counts_.from_file) += Bytes{whole.bytes};
  }

  void push(const Part& part) {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return waiting_ < most_waiting_; });
    queue_.push_back(part);
    waiting_ += part.bytes;
    lock.unlock();
    work_.notify_one();
  }

  bool has_failed() {
    const std::lock_guard lock(mutex_);
    return failure_.has_value();
  }

  void carry_all(std::byte* piece) noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
      work_.wait(lock, [&] { return ending_ || !queue_.empty(); });
      if (queue_.empty()) return;
      const Part part = queue_.front();
      queue_.pop_front();
      if (!failure_) {
        lock.unlock();
        std::optional<Error> failure = carry(part, piece);
        lock.lock();
        if (failure && !failure_) failure_ = std::move(failure);
      }
      waiting_ -= part.bytes;
      arrived_.notify_all();
    }
  }

  std::optional<Error> carry(const Part& part, std::byte* piece) const noexcept {
    try {
      const std::byte* from = part.kept;
      if (from == nullptr) {
        files_.read(part.file, part.from, piece, part.bytes);
        from = piece;
      }
      hook::real::write(part.tensor, from, part.to, part.bytes);
      return std::nullopt;
    } catch (const Error& error) {
      return error;
    } catch (const std::exception& error) {
      return Error(ErrorCode::engine_failed, fmt::format("copying weights to a device: {}", error.what()));
    } catch (...) {
      return Error(ErrorCode::engine_failed, "copying weights to a device failed");
    }
  }

  WeightFiles files_;
  std::shared_ptr<const KeptWeights> kept_;
  PinnedBuffer staging_;
  std::size_t most_waiting_;  // bytes
  UploadCounts counts_;       // these are the loading thread's
  std::vector<UploadedWeight> weights_;
  std::optional<Stopwatch> since_first_;

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable arrived_;
  std::deque<Part> queue_;
  std::size_t waiting_ = 0;  // bytes in the queue and on their way
  bool ending_ = false;
  std::optional<Error> failure_;
  std::vector<std::jthread> threads_;
  std::optional<hook::ThreadUploader> here_;
};

Uploads::Uploads(const memory::Ledger& ledger, Request request) {
  if (request.model.load_mode != engine::LoadMode::mmap || request.model.check_tensors) return;
  ggml_backend_buffer_type_t type = pinned_type_for(request.devices);
  if (type == nullptr || mode() != Mode::enforcing) return;
  const std::size_t pieces = pieces_that_fit(ledger);
  if (pieces < kFewestPieces) return;
  PinnedBuffer staging = take_staging(type, pieces);
  if (!staging) return;
  try {
    impl_ = std::make_unique<Impl>(std::move(staging), pieces, request.model.path, std::move(request.kept));
  } catch (const std::exception& error) {  // what is wrong with the file the engine's own loading says
    log::info("tracker", "weights go the engine's way: {}", error.what());
  }
}

Uploads::~Uploads() = default;

void Uploads::finish() {
  if (impl_) impl_->finish();
}

UploadCounts Uploads::counts() const { return impl_ ? impl_->counts() : UploadCounts{}; }

std::vector<UploadedWeight> Uploads::weights() const {
  return impl_ ? impl_->weights() : std::vector<UploadedWeight>{};
}

}  // namespace plimsoll::tracker
