#include "cache_reclaimer.hpp"

#include <utility>

#include "base/log.hpp"

namespace plimsoll::worker {

class CacheReclaimer::Server final : public rpc::Host::Server {
 public:
  Server(std::shared_ptr<CacheReclaimer> maker, std::function<void()> is_loading)
      : maker_(std::move(maker)), is_loading_(std::move(is_loading)) {}

  // The sequence that was given back for it is on its way to the process before the answer is: both go through the
  // inbox.
  kj::Promise<void> makeRoom(MakeRoomContext context) override {
    if (!maker_->strand_) maker_->strand_.emplace();
    return maker_->strand_->promise([maker = maker_] { return maker->make(); })
        .then([context, &loop = maker_->loop_](bool was_made) mutable {
          context.getResults().setWasMade(was_made);
          auto after = kj::newPromiseAndFulfiller<void>();
          loop.post([fulfiller = kj::mv(after.fulfiller)]() mutable { fulfiller->fulfill(); });
          return kj::mv(after.promise);
        });
  }

  kj::Promise<void> isLoading(IsLoadingContext) override {
    is_loading_();
    return kj::READY_NOW;
  }

 private:
  std::shared_ptr<CacheReclaimer> maker_;
  std::function<void()> is_loading_;
};

rpc::Host::Client CacheReclaimer::asked_by_process(const std::shared_ptr<CacheReclaimer>& maker,
                                                   std::function<void()> is_loading) {
  return kj::heap<Server>(maker, std::move(is_loading));
}

void CacheReclaimer::set(std::function<bool()> make_free) {
  const std::lock_guard lock(mutex_);
  make_free_ = std::move(make_free);
}

bool CacheReclaimer::make() noexcept {
  const std::lock_guard lock(mutex_);
  try {
    return make_free_ && make_free_();
  } catch (const std::exception& error) {
    log::error("worker", "no room could be made in a cache: {}", error.what());
  } catch (...) {
    log::error("worker", "no room could be made in a cache");
  }
  return false;
}

}  // namespace plimsoll::worker
