#include "tracker/shared_compute_buffers.hpp"

#include <algorithm>

#include "tracker/attribution.hpp"
#include "tracker/tracker.hpp"

namespace plimsoll::tracker {

SharedComputeBuffers::SharedComputeBuffers(Tracker& tracker, std::string owner, Sizes sizes)
    : tracker_(tracker), owner_(std::move(owner)), sizes_(std::move(sizes)) {}

SharedComputeBuffers::~SharedComputeBuffers() {
  for (const Buffer& held : buffers_) ggml_backend_buffer_free(held.buffer);
}

std::unique_ptr<SharedComputeBuffers::Borrowing> SharedComputeBuffers::lend_to(const std::string& borrower) {
  return std::make_unique<Borrowing>(*this, borrower);
}

// The largest member's size at once, so that nobody has to wait for a larger one later. A buffer type that limits its
// buffers (`most`) is asked in pieces, as ggml asks itself.
Bytes SharedComputeBuffers::size_for(const hook::Request& request, Bytes most) const {
  const std::string name = buffer_name(request.type);
  const auto planned = std::ranges::find(sizes_, name, &Sizes::value_type::first);
  if (planned == sizes_.end() || std::ranges::contains(buffers_, request.type, &Buffer::type))
    return Bytes{request.bytes};
  return std::max(Bytes{request.bytes}, std::min(planned->second, most));
}

// One borrower may ask for several buffers of a type (a graph cut in pieces): they must not be the same.
ggml_backend_buffer_t SharedComputeBuffers::lend(const hook::Request& request, const std::string& borrower) {
  const Bytes most{ggml_backend_buft_get_max_size(request.type)};
  std::unique_lock lock(mutex_);
  const auto fits = [&](const Buffer& held) {
    return held.type == request.type && held.size >= Bytes{request.bytes} && !held.borrowers.contains(borrower);
  };
  for (;;) {
    const auto found = std::ranges::find_if(buffers_, fits);
    if (found == buffers_.end()) break;
    if (found->buffer == nullptr) {
      arrived_.wait(lock);
      continue;
    }
    found->borrowers.insert(borrower);
    return found->buffer;
  }
  const auto place =
      buffers_.insert(buffers_.end(), {.type = request.type, .size = size_for(request, most), .borrowers = {borrower}});
  hook::Request larger = request;
  larger.bytes = place->size.value();
  lock.unlock();
  ggml_backend_buffer_t buffer = tracker_.allocate_as(owner_, larger);
  lock.lock();
  place->buffer = buffer;
  if (buffer == nullptr) buffers_.erase(place);
  arrived_.notify_all();
  return buffer;
}

bool SharedComputeBuffers::take_back(ggml_backend_buffer_t buffer, const std::string& borrower) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(buffers_, buffer, &Buffer::buffer);
  if (found == buffers_.end()) return false;
  if (const auto one = found->borrowers.find(borrower); one != found->borrowers.end()) found->borrowers.erase(one);
  return true;
}

void SharedComputeBuffers::forget(const std::string& borrower) {
  const std::lock_guard lock(mutex_);
  for (Buffer& held : buffers_) held.borrowers.erase(borrower);
}

// Only who has a turn calls this, and buffers are freed with the compute buffers alone: no lock is needed while they
// are written to.
void SharedComputeBuffers::clear() {
  for (const ggml_backend_buffer_t buffer : device_buffers()) ggml_backend_buffer_clear(buffer, 0);
}

std::vector<ggml_backend_buffer_t> SharedComputeBuffers::device_buffers() {
  std::vector<ggml_backend_buffer_t> out;
  const std::lock_guard lock(mutex_);
  for (const Buffer& held : buffers_) {
    if (held.buffer != nullptr && !ggml_backend_buffer_is_host(held.buffer)) out.push_back(held.buffer);
  }
  return out;
}

SharedComputeBuffers::Borrowing::Borrowing(SharedComputeBuffers& compute_buffers, std::string borrower)
    : compute_buffers_(compute_buffers), borrower_(std::move(borrower)) {
  compute_buffers_.tracker_.set_lender(borrower_, &compute_buffers_);
}

SharedComputeBuffers::Borrowing::~Borrowing() {
  compute_buffers_.tracker_.set_lender(borrower_, nullptr);
  compute_buffers_.forget(borrower_);
}

}  // namespace plimsoll::tracker
