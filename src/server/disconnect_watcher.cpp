#include "disconnect_watcher.hpp"

#include <exception>

#include "base/log.hpp"

namespace plimsoll::server {
namespace {

// A decode step of a model that is worth serving takes about as long; a look is one system call.
constexpr std::chrono::milliseconds kBeat{50};

// A client that cannot be asked counts as there: writing its answer will tell.
bool has_gone(const DisconnectWatcher::Gone& gone) noexcept {
  try {
    return gone();
  } catch (const std::exception& error) {
    log::debug("server", "cannot tell whether a client is still there: {}", error.what());
    return false;
  }
}

}  // namespace

DisconnectWatcher::DisconnectWatcher() : thread_([this](const std::stop_token& stop) { look(stop); }) {}

std::unique_ptr<DisconnectWatcher::Watch> DisconnectWatcher::watch(Gone gone,
                                                                   std::optional<std::chrono::seconds> limit) {
  const std::lock_guard lock(mutex_);
  const auto until = limit ? std::optional(std::chrono::steady_clock::now() + *limit) : std::nullopt;
  Entry& entry = entries_.emplace_back();
  entry.gone = std::move(gone);
  entry.until = until;
  if (is_over_) entry.source.request_stop();  // nobody has its token yet
  wake_.notify_all();
  return std::make_unique<Watch>(*this, std::prev(entries_.end()));
}

DisconnectWatcher::Watch::~Watch() {
  const std::lock_guard lock(all_.mutex_);
  all_.entries_.erase(entry_);
}

void DisconnectWatcher::stop_all() {
  const std::lock_guard lock(mutex_);
  is_over_ = true;
  for (Entry& entry : entries_) entry.source.request_stop();
}

// With the lock held, so that nobody's connection ends under the question.
void DisconnectWatcher::look(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (wake_.wait(lock, stop, [&] { return !entries_.empty(); })) {
    const auto now = std::chrono::steady_clock::now();
    for (Entry& entry : entries_) {
      if (entry.source.stop_requested()) continue;
      entry.timed_out = entry.until && now >= *entry.until;
      if (entry.timed_out || has_gone(entry.gone)) entry.source.request_stop();
    }
    (void)wake_.wait_for(lock, stop, kBeat, [] { return false; });
  }
}

}  // namespace plimsoll::server
