// handles: what a program holds of ours. A handle is a name and no address: it is looked up, and no memory is read
// through it, so one that was closed, or that never was one, is an error and nothing worse.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include <plimsoll.h>

namespace plimsoll::c_api {

enum class Kind : std::uint8_t {
  error = 1,
  stop,
  runtime,
  plan,
  model,
  generation,
  conversation,
  chat,
  embedder,
  embeddings,
  reranker,
  ranking,
  host,
  lease,
  monitor,
  media,
};
[[nodiscard]] const char* to_string(Kind kind) noexcept;

// The kind of a handle's type.
template <class T>
inline constexpr Kind kKind{};
template <>
inline constexpr Kind kKind<plimsoll_error> = Kind::error;
template <>
inline constexpr Kind kKind<plimsoll_stop> = Kind::stop;
template <>
inline constexpr Kind kKind<plimsoll_runtime> = Kind::runtime;
template <>
inline constexpr Kind kKind<plimsoll_plan> = Kind::plan;
template <>
inline constexpr Kind kKind<plimsoll_model> = Kind::model;
template <>
inline constexpr Kind kKind<plimsoll_generation> = Kind::generation;
template <>
inline constexpr Kind kKind<plimsoll_conversation> = Kind::conversation;
template <>
inline constexpr Kind kKind<plimsoll_chat> = Kind::chat;
template <>
inline constexpr Kind kKind<plimsoll_embedder> = Kind::embedder;
template <>
inline constexpr Kind kKind<plimsoll_embeddings> = Kind::embeddings;
template <>
inline constexpr Kind kKind<plimsoll_reranker> = Kind::reranker;
template <>
inline constexpr Kind kKind<plimsoll_ranking> = Kind::ranking;
template <>
inline constexpr Kind kKind<plimsoll_host> = Kind::host;
template <>
inline constexpr Kind kKind<plimsoll_lease> = Kind::lease;
template <>
inline constexpr Kind kKind<plimsoll_monitor> = Kind::monitor;
template <>
inline constexpr Kind kKind<plimsoll_media> = Kind::media;

// By number, never used twice in a process. A handle is an odd number that has its kind in it: no aligned address is
// one, and of one that was closed it can be said what it was. Any thread.
class HandleTable {
 public:
  [[nodiscard]] void* insert(Kind kind, std::shared_ptr<void> object);
  // Throw Error{usage}: null, closed already, of another kind, none at all. find() as well where it is inherited.
  [[nodiscard]] std::shared_ptr<void> find(const void* handle, Kind kind) const;
  [[nodiscard]] std::shared_ptr<void> remove(const void* handle, Kind kind);
  [[nodiscard]] std::size_t size() const;

  // A fork has one thread, and what it inherits waits for those that it has not: it is neither used nor destroyed
  // there. Errors are values, and stay. Around fork(): the table is locked, and let go on both sides.
  void before_fork() { mutex_.lock(); }
  void after_fork() { mutex_.unlock(); }
  void after_fork_in_child() noexcept;
  // Whether it is inherited, and there no more from now on.
  [[nodiscard]] bool forget_inherited(const void* handle, Kind kind);
  // Throws Error{usage} where something beside stops was inherited, closed since or not.
  void require_nothing_inherited() const;

 private:
  [[noreturn]] void refuse(const void* handle, Kind kind) const;  // with the lock held
  [[nodiscard]] bool is_inherited(std::uintptr_t value) const noexcept;

  mutable std::shared_mutex mutex_;
  std::unordered_map<std::uintptr_t, std::shared_ptr<void>> objects_;
  std::vector<std::shared_ptr<void>> forgotten_;  // inherited; never destroyed
  std::uint64_t last_ = 0;
  std::uint64_t last_inherited_ = 0;
  bool has_inherited_ = false;
};

// The process's. Never destroyed: a program may end with handles open, in any order.
[[nodiscard]] HandleTable& handles();

template <class T>
[[nodiscard]] T* handle_of(std::shared_ptr<T> object) {
  return static_cast<T*>(handles().insert(kKind<T>, std::move(object)));
}
template <class T>
[[nodiscard]] std::shared_ptr<T> found(const T* handle) {
  return std::static_pointer_cast<T>(handles().find(handle, kKind<T>));
}

}  // namespace plimsoll::c_api
