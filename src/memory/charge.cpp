#include "memory/charge.hpp"

#include <utility>

namespace plimsoll::memory {

Charge::Charge(Charge&& other) noexcept
    : ledger_(other.ledger_), tag_(std::move(other.tag_)), size_(std::exchange(other.size_, Bytes{})) {
  other.ledger_ = nullptr;
}

Charge& Charge::operator=(Charge&& other) noexcept {
  if (this == &other) return *this;
  clear();
  ledger_ = std::exchange(other.ledger_, nullptr);
  tag_ = std::move(other.tag_);
  size_ = std::exchange(other.size_, Bytes{});
  return *this;
}

bool Charge::resize(Bytes bytes) {
  if (ledger_ == nullptr) return bytes == Bytes{};
  if (bytes > size_) {
    if (!ledger_->take(tag_, bytes - size_)) return false;
    ledger_->placed(tag_, bytes - size_);
  } else if (bytes < size_) {
    ledger_->leaving(tag_, size_ - bytes);
    ledger_->give_back(tag_, size_ - bytes);
  }
  size_ = bytes;
  return true;
}

void Charge::clear() noexcept {
  if (ledger_ != nullptr && size_ > Bytes{}) {
    ledger_->leaving(tag_, size_);
    ledger_->give_back(tag_, size_);
  }
  size_ = Bytes{};
}

}  // namespace plimsoll::memory
