#include "run/stop_match.hpp"

namespace plimsoll::run {

void StopMatch::add(char next) {
  while (begun_ > 0 && stop_[begun_] != next) begun_ = borders_[begun_ - 1];
  if (stop_[begun_] != next) return;
  if (begun_ == borders_.size()) {  // no text had come so far
    std::size_t border = begun_ == 0 ? 0 : borders_.back();
    while (border > 0 && stop_[border] != next) border = borders_[border - 1];
    if (begun_ > 0 && stop_[border] == next) ++border;
    borders_.push_back(border);
  }
  ++begun_;
}

void StopMatch::begin_within(std::size_t bytes) {
  while (begun_ > bytes) begun_ = borders_[begun_ - 1];
}

std::optional<std::size_t> StopMatch::read(std::string_view piece) {
  for (std::size_t i = 0; i < piece.size(); ++i) {
    add(piece[i]);
    if (begun_ < stop_.size()) continue;
    begun_ = borders_[begun_ - 1];
    return i + 1;
  }
  return std::nullopt;
}

}  // namespace plimsoll::run
