#include "handles.hpp"

#include <pthread.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include <plimsoll/base/error.hpp>

namespace plimsoll::c_api {
namespace {

static_assert(sizeof(std::uintptr_t) == 8, "a handle has 56 bits of number and 8 of kind");

constexpr unsigned kNumberShift = 8;

std::uintptr_t number_of(const void* handle) noexcept { return reinterpret_cast<std::uintptr_t>(handle); }

bool is_kind(std::uintptr_t value) noexcept {
  const std::uintptr_t kind = (value & 0xFFU) >> 1U;
  return (value & 1U) != 0 && kind >= static_cast<std::uintptr_t>(Kind::error) &&
         kind <= static_cast<std::uintptr_t>(Kind::media);
}
Kind kind_in(std::uintptr_t value) noexcept { return static_cast<Kind>((value & 0xFFU) >> 1U); }

bool is_plural(Kind kind) noexcept { return kind == Kind::embeddings || kind == Kind::media; }

std::string with_article(Kind kind) {
  const std::string word = to_string(kind);
  const bool vowel = std::string_view("aeiou").contains(word.front());
  return (is_plural(kind) ? "" : vowel ? "an " : "a ") + word;
}

[[noreturn]] void misused(const std::string& sentence) { throw Error(ErrorCode::usage, sentence); }

}  // namespace

const char* to_string(Kind kind) noexcept {
  switch (kind) {
    case Kind::error:
      return "error";
    case Kind::stop:
      return "stop";
    case Kind::runtime:
      return "runtime";
    case Kind::plan:
      return "plan";
    case Kind::model:
      return "model";
    case Kind::generation:
      return "generation";
    case Kind::conversation:
      return "conversation";
    case Kind::chat:
      return "chat";
    case Kind::embedder:
      return "embedder";
    case Kind::embeddings:
      return "embeddings";
    case Kind::reranker:
      return "reranker";
    case Kind::ranking:
      return "ranking";
    case Kind::host:
      return "host";
    case Kind::lease:
      return "lease";
    case Kind::monitor:
      return "monitor";
    case Kind::media:
      return "media";
  }
  return "handle";
}

void* HandleTable::insert(Kind kind, std::shared_ptr<void> object) {
  const std::lock_guard lock(mutex_);
  const std::uintptr_t value = (last_ + 1) << kNumberShift | static_cast<std::uintptr_t>(kind) << 1U | 1U;
  objects_.emplace(value, std::move(object));
  ++last_;
  return reinterpret_cast<void*>(value);  // NOLINT(performance-no-int-to-ptr): never read through
}

std::shared_ptr<void> HandleTable::find(const void* handle, Kind kind) const {
  const std::shared_lock lock(mutex_);
  const auto there = objects_.find(number_of(handle));
  if (there == objects_.end() || kind_in(there->first) != kind) refuse(handle, kind);
  if (is_inherited(there->first))
    misused((is_plural(kind) ? "these " : "this ") + std::string(to_string(kind)) +
            (is_plural(kind) ? " belong" : " belongs") +
            " to the process that this one was forked from: its threads are not here; fork before a runtime is opened");
  return there->second;
}

bool HandleTable::is_inherited(std::uintptr_t value) const noexcept {
  return value >> kNumberShift <= last_inherited_ && kind_in(value) != Kind::error;
}

void HandleTable::after_fork_in_child() noexcept {
  last_inherited_ = last_;
  has_inherited_ = has_inherited_ || std::ranges::any_of(objects_, [&](const auto& one) {
                     return is_inherited(one.first) && kind_in(one.first) != Kind::stop;
                   });
  std::construct_at(&mutex_);  // to unlock it is the parent's thread's, by the system's number of that
}

bool HandleTable::forget_inherited(const void* handle, Kind kind) {
  const std::lock_guard lock(mutex_);
  const auto there = objects_.find(number_of(handle));
  if (there == objects_.end() || kind_in(there->first) != kind || !is_inherited(there->first)) return false;
  forgotten_.push_back(std::move(there->second));
  objects_.erase(there);
  return true;
}

void HandleTable::require_nothing_inherited() const {
  const std::shared_lock lock(mutex_);
  if (has_inherited_)
    misused(
        "this process was forked from one that had handles open, and can have no runtime: fork before one is opened, "
        "or start a program");
}

std::shared_ptr<void> HandleTable::remove(const void* handle, Kind kind) {
  const std::lock_guard lock(mutex_);
  const auto there = objects_.find(number_of(handle));
  if (there == objects_.end() || kind_in(there->first) != kind) refuse(handle, kind);
  std::shared_ptr<void> object = std::move(there->second);
  objects_.erase(there);
  return object;
}

std::size_t HandleTable::size() const {
  const std::shared_lock lock(mutex_);
  return objects_.size();
}

void HandleTable::refuse(const void* handle, Kind kind) const {
  const std::string word = to_string(kind);
  const std::uintptr_t value = number_of(handle);
  if (value == 0) misused("no " + word + " was given: the handle is NULL");
  if (!is_kind(value) || value >> kNumberShift == 0 || value >> kNumberShift > last_)
    misused("this is not a handle of the library, where " + with_article(kind) + " is needed");
  if (kind_in(value) != kind)
    misused("this handle is " + with_article(kind_in(value)) + ", where " + with_article(kind) + " is needed");
  misused((is_plural(kind) ? "these " : "this ") + word + (is_plural(kind) ? " were" : " was") +
          (kind == Kind::error ? " freed" : " closed") + " already");
}

HandleTable& handles() {
  static HandleTable& the_table = []() -> HandleTable& {
    auto& table = *new HandleTable;
    (void)pthread_atfork([] { handles().before_fork(); }, [] { handles().after_fork(); },
                         [] { handles().after_fork_in_child(); });
    return table;
  }();
  return the_table;
}

}  // namespace plimsoll::c_api
