#include "run/decode_loop.hpp"

#include <utility>

namespace plimsoll::run {

DecodeLoop::DecodeLoop(std::function<void()> before_change)
    : before_change_(std::move(before_change)), thread_([this] { loop(); }) {}

DecodeLoop::~DecodeLoop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  thread_.join();
}

DecodeLoop::Owner DecodeLoop::join() {
  const std::lock_guard lock(mutex_);
  return next_owner_++;
}

void DecodeLoop::run(Owner owner, const std::function<void()>& work) {
  if (is_this_thread()) {
    change_to(owner);
    return work();
  }
  Job job{.owner = owner, .work = &work};
  {
    std::unique_lock lock(mutex_);
    jobs_.push_back(&job);
    wake_.notify_one();
    job.changed.wait(lock, [&] { return job.done; });
  }
  if (job.failure) std::rethrow_exception(job.failure);
}

void DecodeLoop::add(Owner owner, Source& source) {
  const std::lock_guard lock(mutex_);
  source.owner_ = owner;
  sources_.push_back(&source);
}

void DecodeLoop::remove(Source& source) {
  run(kNobody, [&] {
    const std::lock_guard lock(mutex_);
    std::erase(sources_, &source);
    if (decoding_ == &source) decoding_ = nullptr;
  });
}

void DecodeLoop::wake(Source& source) noexcept {
  const std::lock_guard lock(mutex_);
  if (std::exchange(source.ready_, true)) return;
  wake_.notify_one();
}

std::optional<std::chrono::nanoseconds> DecodeLoop::decoding_for() const noexcept {
  using Clock = std::chrono::steady_clock;
  const Clock::rep since = decoding_since_;
  if (since == 0) return std::nullopt;
  return Clock::now() - Clock::time_point(Clock::duration(since));
}

DecodeLoop::Timed::Timed(DecodeLoop& loop) noexcept : since_(loop.decoding_since_), before_(since_) {
  if (before_ == 0) since_ = std::chrono::steady_clock::now().time_since_epoch().count();
}

// The device was left idle by the one before, so only what is in the shared compute buffers matters. On a device that
// is lost they cannot be cleared.
void DecodeLoop::change_to(Owner owner) {
  if (owner == kNobody || owner == last_owner_) return;
  last_owner_ = kNobody;
  if (before_change_) before_change_();
  last_owner_ = owner;
}

bool DecodeLoop::decode_batch_of(Source& source) noexcept {
  try {
    change_to(source.owner_);
  } catch (...) {
    source.broke_off(std::current_exception());
    return false;
  }
  const Timed timed(*this);
  return source.decode_batch();
}

void DecodeLoop::work_off(Job& job) noexcept {
  try {
    change_to(job.owner);
    (*job.work)();
  } catch (...) {
    job.failure = std::current_exception();
  }
}

// Those of several requests that begin are done before the same batch, as long as they are short ones.
void DecodeLoop::work_off_jobs(std::unique_lock<std::mutex>& lock) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kBetweenBatches{10};
  const auto end = Clock::now() + kBetweenBatches;
  do {
    Job* const job = jobs_.front();
    jobs_.pop_front();
    lock.unlock();
    work_off(*job);
    lock.lock();
    job->done = true;
    job->changed.notify_one();
  } while (!jobs_.empty() && !stopping_ && Clock::now() < end);
}

// The first one after the one that decoded last.
DecodeLoop::Source* DecodeLoop::next_ready() noexcept {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const std::size_t at = (last_source_ + 1 + i) % sources_.size();
    if (!sources_[at]->ready_) continue;
    last_source_ = at;
    return sources_[at];
  }
  return nullptr;
}

void DecodeLoop::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    Source* source = nullptr;
    wake_.wait(lock, [&] { return stopping_ || !jobs_.empty() || (source = next_ready()) != nullptr; });
    if (stopping_) return;
    if (!jobs_.empty()) {
      work_off_jobs(lock);
      source = next_ready();
    }
    if (source == nullptr) continue;
    source->ready_ = false;
    decoding_ = source;
    lock.unlock();
    const bool more = decode_batch_of(*source);
    lock.lock();
    if (decoding_ != nullptr && more) source->ready_ = true;
    decoding_ = nullptr;
  }
}

}  // namespace plimsoll::run
