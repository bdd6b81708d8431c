// Bounds: what one rendering has taken of its limits. The values that are made on a thread count against the bounds
// that the thread works under; those made while parsing count against none.
#pragma once
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "jinja/template.hpp"

namespace plimsoll::jinja {

// What is wrong, without its place. Who knows the line adds it.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

template <class... T>
[[noreturn]] void fail(fmt::format_string<T...> form, T&&... values) {
  throw Failure(fmt::format(form, std::forward<T>(values)...));
}

class Bounds {
 public:
  Bounds(const Limits& limits, std::stop_token stop);
  ~Bounds();
  Bounds(const Bounds&) = delete;
  Bounds& operator=(const Bounds&) = delete;

  [[nodiscard]] static Bounds* current() noexcept;

  void step(std::size_t count = 1) {
    steps_ += count;
    if (steps_ >= next_look_) look();
  }
  void take(std::size_t bytes);
  void give(std::size_t bytes) noexcept { held_ -= bytes; }
  void enter();
  void leave() noexcept { --depth_; }

 private:
  void look();

  Limits limits_;
  std::stop_token stop_;
  std::size_t steps_ = 0;
  std::size_t next_look_ = 0;
  std::size_t held_ = 0;
  std::size_t depth_ = 0;
  Bounds* outer_;
};

// Work on so many bytes of text or so many items.
void charge_text(std::size_t bytes);
void charge_items(std::size_t count);

// One level deeper, for as long as it lives.
class Level {
 public:
  Level() : bounds_(Bounds::current()) {
    if (bounds_ != nullptr) bounds_->enter();
  }
  ~Level() {
    if (bounds_ != nullptr) bounds_->leave();
  }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  Bounds* bounds_;
};

// Bytes that are given back when it ends.
class Holding {
 public:
  Holding() : bounds_(Bounds::current()) {}
  ~Holding() {
    if (bounds_ != nullptr) bounds_->give(bytes_);
  }
  Holding(const Holding&) = delete;
  Holding& operator=(const Holding&) = delete;

  void grow(std::size_t bytes) {
    if (bounds_ == nullptr) return;
    bounds_->take(bytes);
    bytes_ += bytes;
  }

 private:
  Bounds* bounds_;
  std::size_t bytes_ = 0;
};

}  // namespace plimsoll::jinja
