#include <plimsoll/gauge/shared_scratch.hpp>

#include <algorithm>

#include <plimsoll/gauge/attribution.hpp>
#include <plimsoll/gauge/gauge.hpp>

namespace plimsoll::gauge {

SharedScratch::SharedScratch(Gauge& gauge, std::string owner, Sizes sizes)
    : gauge_(gauge), owner_(std::move(owner)), sizes_(std::move(sizes)) {}

SharedScratch::~SharedScratch() {
  std::vector<Buffer> buffers;
  {
    const std::lock_guard lock(mutex_);
    buffers.swap(buffers_);
  }
  for (const Buffer& buffer : buffers) ggml_backend_buffer_free(buffer.buffer);
}

std::unique_ptr<SharedScratch::Borrowing> SharedScratch::lend_to(const std::string& borrower) {
  return std::make_unique<Borrowing>(*this, borrower);
}

// The largest member's size at once, so that nobody has to wait for a larger one later. A buffer type that limits its
// buffers is asked in pieces, as ggml asks itself.
Bytes SharedScratch::size_for(const hook::Request& request) const {
  const std::string name = buffer_name(request.type);
  const auto planned = std::ranges::find(sizes_, name, &Sizes::value_type::first);
  const bool first = std::ranges::none_of(
      buffers_, [&](const Buffer& held) { return ggml_backend_buffer_get_type(held.buffer) == request.type; });
  if (planned == sizes_.end() || !first) return Bytes{request.bytes};
  const Bytes most{ggml_backend_buft_get_max_size(request.type)};
  return std::max(Bytes{request.bytes}, std::min(planned->second, most));
}

// One borrower may ask for several buffers of a type (a graph cut in pieces): they must not be the same.
ggml_backend_buffer_t SharedScratch::lend(const hook::Request& request, const std::string& borrower) {
  const std::lock_guard lock(mutex_);
  const auto fits = [&](const Buffer& held) {
    return ggml_backend_buffer_get_type(held.buffer) == request.type &&
           ggml_backend_buffer_get_size(held.buffer) >= request.bytes && !held.borrowers.contains(borrower);
  };
  auto found = std::ranges::find_if(buffers_, fits);
  if (found == buffers_.end()) {
    hook::Request larger = request;
    larger.bytes = size_for(request).value();
    ggml_backend_buffer_t buffer = gauge_.allocate_as(owner_, larger);
    if (buffer == nullptr) return nullptr;
    buffers_.push_back({.buffer = buffer, .borrowers = {}});
    found = std::prev(buffers_.end());
  }
  found->borrowers.insert(borrower);
  return found->buffer;
}

bool SharedScratch::take_back(ggml_backend_buffer_t buffer, const std::string& borrower) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(buffers_, buffer, &Buffer::buffer);
  if (found == buffers_.end()) return false;
  if (const auto one = found->borrowers.find(borrower); one != found->borrowers.end()) found->borrowers.erase(one);
  return true;
}

void SharedScratch::forget(const std::string& borrower) {
  const std::lock_guard lock(mutex_);
  for (Buffer& held : buffers_) held.borrowers.erase(borrower);
}

void SharedScratch::clear() noexcept {
  const std::lock_guard lock(mutex_);
  for (const Buffer& held : buffers_) {
    if (!ggml_backend_buffer_is_host(held.buffer)) ggml_backend_buffer_clear(held.buffer, 0);
  }
}

SharedScratch::Borrowing::Borrowing(SharedScratch& scratch, std::string borrower)
    : scratch_(scratch), borrower_(std::move(borrower)) {
  scratch_.gauge_.set_lender(borrower_, &scratch_);
}

SharedScratch::Borrowing::~Borrowing() {
  scratch_.gauge_.set_lender(borrower_, nullptr);
  scratch_.forget(borrower_);
}

}  // namespace plimsoll::gauge
