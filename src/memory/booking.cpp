#include <plimsoll/memory/booking.hpp>

#include <utility>

namespace plimsoll::memory {

Booking::Booking(Booking&& other) noexcept
    : ledger_(other.ledger_), tag_(std::move(other.tag_)), size_(std::exchange(other.size_, Bytes{})) {
  other.ledger_ = nullptr;
}

Booking& Booking::operator=(Booking&& other) noexcept {
  if (this == &other) return *this;
  clear();
  ledger_ = std::exchange(other.ledger_, nullptr);
  tag_ = std::move(other.tag_);
  size_ = std::exchange(other.size_, Bytes{});
  return *this;
}

bool Booking::resize(Bytes bytes) {
  if (ledger_ == nullptr) return bytes == Bytes{};
  if (bytes > size_ && !ledger_->take(tag_, bytes - size_)) return false;
  if (bytes < size_) ledger_->give_back(tag_, size_ - bytes);
  size_ = bytes;
  return true;
}

void Booking::clear() noexcept {
  if (ledger_ != nullptr && size_ > Bytes{}) ledger_->give_back(tag_, size_);
  size_ = Bytes{};
}

}  // namespace plimsoll::memory
