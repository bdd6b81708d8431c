#include "worker/worker_process.hpp"

#include <capnp/rpc-twoparty.h>
#include <fmt/format.h>

#include <csignal>
#include <fstream>
#include <utility>

#include "base/log.hpp"

#include "message_limits.hpp"
#include "worker/rpc_errors.hpp"

namespace plimsoll::worker {
namespace {

constexpr std::size_t kLastWords = 4096;
constexpr std::chrono::milliseconds kBetweenLooks{200};

// What is connected, destroyed in that order.
struct Connection {
  kj::Own<kj::AsyncCapabilityStream> stream;
  kj::Own<capnp::TwoPartyVatNetwork> network;
  kj::Own<capnp::RpcSystem<capnp::rpc::twoparty::VatId>> system;
  ~Connection() noexcept(false) {
    system = nullptr;
    network = nullptr;
  }
};

rpc::Worker::Client bootstrap_of(capnp::RpcSystem<capnp::rpc::twoparty::VatId>& system) {
  capnp::MallocMessageBuilder message;
  auto vat = message.initRoot<capnp::rpc::twoparty::VatId>();
  vat.setSide(capnp::rpc::twoparty::Side::SERVER);
  return system.bootstrap(vat).castAs<rpc::Worker>();
}

std::string without_end_of_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// How often the system has ended a process since it was started because its memory was short.
std::uint64_t ended_for_want_of_memory() {
  std::ifstream file("/proc/vmstat");
  std::string name;
  for (std::uint64_t count = 0; file >> name >> count;) {
    if (name == "oom_kill") return count;
  }
  return 0;
}

// SIGKILL is nothing that a process does to itself: somebody sent it, or the system, whose memory was short.
bool is_from_outside(int signal, std::uint64_t ended_before) {
  switch (signal) {
    case SIGKILL:
      return ended_for_want_of_memory() == ended_before;
    case SIGTERM:
    case SIGINT:
    case SIGHUP:
    case SIGQUIT:
      return true;
    default:
      return false;
  }
}

}  // namespace

WorkerProcess::WorkerProcess(RpcLoop& loop, WorkerOptions options, WorkerObserver& observer)
    : loop_(loop), options_(std::move(options)), observer_(observer), rule_(options_.most_deaths) {}

WorkerProcess::~WorkerProcess() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
    if (life_) life_->process.kill();
    changed_.notify_all();
  }
  if (supervisor_.joinable()) supervisor_.join();
}

void WorkerProcess::end() noexcept {
  const std::lock_guard lock(mutex_);
  is_ending_ = tells_end_ = true;
  if (life_) life_->process.kill();
  changed_.notify_all();
}

void WorkerProcess::tell_end() const noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (!tells_end_) return;
  }
  without_throwing(
      [&] { observer_.gave_up({ErrorCode::cancelled, fmt::format("the process of '{}' was ended", options_.name)}); });
}

void WorkerProcess::start() {
  const std::shared_ptr<Life> life = begin_life();
  {
    const std::lock_guard lock(mutex_);
    is_ready_ = true;
  }
  try {
    supervisor_ = std::thread([this] {
      try {
        supervise();
        tell_end();
      } catch (const std::exception& error) {
        give_up_supervising(error.what());
      } catch (...) {
        give_up_supervising("something was thrown that is no exception");
      }
    });
  } catch (...) {  // what is connected is the loop's to end
    {
      const std::lock_guard lock(mutex_);
      life_ = nullptr;
      is_ready_ = false;
    }
    life->process.kill();
    disconnect(*life);
    throw;
  }
}

// Watching alone is the rule where the system leaves no groups to us.
void WorkerProcess::limit_memory(Life& life) {
  if (!options_.most_host_memory) return;
  const auto place = MemoryGroup::place();
  if (!place) return;
  auto group = MemoryGroup::create(*place, fmt::format("model-{}", life.process.pid()));
  const std::lock_guard lock(mutex_);
  if (group && group->limit(*options_.most_host_memory + mapped_) && group->add(life.process.pid()))
    life.memory = std::move(group);
  else
    log::debug("worker", "the memory of '{}' is watched, and not limited by a group of its own", options_.name);
}

void WorkerProcess::set_mapped(Bytes mapped) {
  const std::lock_guard lock(mutex_);
  mapped_ = mapped;
  if (life_ && life_->memory) (void)life_->memory->limit(*options_.most_host_memory + mapped);
}

std::shared_ptr<Life> WorkerProcess::begin_life() {
  auto life = std::make_shared<Life>(options_.program);
  limit_memory(*life);
  const int socket = life->process.take_socket();
  (void)loop_.run([&]() -> kj::Promise<bool> {
    auto connection = kj::heap<Connection>();
    connection->stream = loop_.io().wrapUnixSocketFd(kj::AutoCloseFd(socket));
    connection->network =
        kj::heap<capnp::TwoPartyVatNetwork>(*connection->stream, kMostFiles, capnp::rpc::twoparty::Side::CLIENT,
                                            capnp::ReaderOptions{.traversalLimitInWords = kMostWords});
    connection->system = kj::heap(capnp::makeRpcClient(*connection->network));
    connection->network->onDisconnect()
        .then([weak = std::weak_ptr(life)] {
          if (const auto here = weak.lock()) here->is_over = true;
        })
        .detach([](kj::Exception&&) {});
    life->worker = bootstrap_of(*connection->system);
    life->connection = kj::mv(connection);
    return true;
  });
  const std::lock_guard lock(mutex_);
  life_ = life;
  if (is_ending_) life->process.kill();
  return life;
}

void WorkerProcess::end_what_hangs(Life& life, std::chrono::milliseconds had) const {
  log::error("worker", "the process of '{}' has not answered for {} s and is ended", options_.name,
             std::chrono::duration<double>(had).count());
  life.hangs = true;
  life.process.kill();
}

// What waits for an answer of it hears of its end now.
void WorkerProcess::disconnect(Life& life) {
  life.is_over = true;
  try {
    (void)loop_.run([&]() -> kj::Promise<bool> {
      life.worker = nullptr;
      life.connection = nullptr;
      return true;
    });
  } catch (const std::exception& error) {  // the library's objects may throw at their end
    log::debug("worker", "the connection to '{}' ended badly: {}", options_.name, error.what());
  }
}

// What is told of a process has its own troubles: they are not the supervisor's, with which this process would end.
template <class Tell>
void WorkerProcess::without_throwing(Tell&& tell) const noexcept {
  try {
    tell();
  } catch (const std::exception& error) {
    log::error("worker", "who has models in the process of '{}' failed: {}", options_.name, error.what());
  } catch (...) {
    log::error("worker", "who has models in the process of '{}' failed", options_.name);
  }
}

// Waits for the end of each life, and begins the next one. A life whose end nobody wanted is a death.
void WorkerProcess::supervise() {
  for (;;) {
    std::shared_ptr<Life> life;
    {
      const std::lock_guard lock(mutex_);
      life = life_;
    }
    const std::uint64_t ended_before = ended_for_want_of_memory();
    ChildProcess::End end = life->process.end(kLastWords);
    if (life->hangs) end.how += ", since it did not answer any more";
    if (life->memory && life->memory->has_ended_one()) end.how += ", since its host memory is limited";
    const Death death{.how = std::move(end.how),
                      .last_words = without_end_of_line(std::move(end.errors)),
                      .by_itself = life->hangs || !is_from_outside(end.signal, ended_before)};
    std::string words = fmt::format("{}{}{}", death.how, death.last_words.empty() ? "" : ": ", death.last_words);
    {
      const std::lock_guard lock(mutex_);
      life_ = nullptr;
      is_ready_ = false;
      last_words_ = std::move(words);
      changed_.notify_all();
    }
    disconnect(*life);
    {
      const std::lock_guard lock(mutex_);
      if (is_ending_) return;
    }
    log::error("worker", "the process of '{}' {}; its last words: {}", options_.name, death.how, death.last_words);
    without_throwing([&] { observer_.died(*life, death); });
    const auto wait = rule_.died(std::chrono::steady_clock::now(), life->did_its_work);
    if (!wait)
      return give_up(
          {ErrorCode::engine_failed, fmt::format("its process has died {} times within {} minutes, the last time it {}",
                                                 rule_.deaths(), RestartRule::kWindow.count(), last_words())});
    if (!waits_before_next_life(*wait) || !waits_until_unhindered()) return;
    try {
      live_again();
    } catch (const std::exception& error) {
      log::error("worker", "the process of '{}' could not be made ready again: {}", options_.name, error.what());
      if (!kill())
        return give_up(
            {ErrorCode::engine_failed, fmt::format("its process could not be started again: {}", error.what())});
    }  // its end is the next death
  }
}

// For want of memory, say. There is nobody who would begin a life.
void WorkerProcess::give_up_supervising(const char* why) noexcept {
  without_throwing([&] {
    log::error("worker", "the process of '{}' is watched no more: {}", options_.name, why);
    std::shared_ptr<Life> life;
    {
      const std::lock_guard lock(mutex_);
      life = std::exchange(life_, nullptr);
      is_ready_ = false;
      if (life) life->process.kill();
      changed_.notify_all();
    }
    if (life) disconnect(*life);
    {
      const std::lock_guard lock(mutex_);
      if (is_ending_) return;
    }
    give_up({ErrorCode::internal, why});
  });
}

void WorkerProcess::live_again() {
  const std::shared_ptr<Life> life = begin_life();
  {
    const std::lock_guard lock(mutex_);
    ++restarts_;
  }
  observer_.make_again(life);
  {
    const std::lock_guard lock(mutex_);
    is_ready_ = true;
    changed_.notify_all();
  }
  observer_.is_back();
}

// False: the end is wanted.
bool WorkerProcess::waits_before_next_life(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, wait, [&] { return is_ending_; });
}

// False: the end is wanted, or it was given up. No life is lost meanwhile: none is begun.
bool WorkerProcess::waits_until_unhindered() {
  if (!options_.hindrance) return true;
  const auto until = std::chrono::steady_clock::now() + options_.patience;
  for (;;) {
    const std::string why = hindrance();
    if (why.empty()) return true;
    if (std::chrono::steady_clock::now() >= until) {
      log::error("worker", "the process of '{}' is not started again: {}", options_.name, why);
      give_up({ErrorCode::io, why});
      return false;
    }
    if (!waits_before_next_life(kBetweenLooks)) return false;
  }
}

std::string WorkerProcess::hindrance() const {
  try {
    return options_.hindrance();
  } catch (const std::exception& error) {
    return error.what();
  }
}

void WorkerProcess::give_up(const Error& why) {
  without_throwing([&] { observer_.gives_up(why); });
  {
    const std::lock_guard lock(mutex_);
    failure_ = why;
    changed_.notify_all();
  }
  without_throwing([&] { observer_.gave_up(why); });
}

void WorkerProcess::throw_why_not() const {
  throw Error(failure_ ? failure_->code() : ErrorCode::cancelled,
              fmt::format("'{}' computes no more: {}", options_.name, failure_ ? failure_->what() : "it is ended"));
}

std::shared_ptr<Life> WorkerProcess::life(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const bool is_settled = changed_.wait(lock, stop, [&] { return (life_ && is_ready_) || failure_ || is_ending_; });
  if (life_ && is_ready_) return life_;
  if (!is_settled)
    throw Error(ErrorCode::cancelled, fmt::format("who waited for the process of '{}' was stopped", options_.name));
  throw_why_not();
}

std::shared_ptr<Life> WorkerProcess::life_at_once() const {
  const std::lock_guard lock(mutex_);
  if (life_ && is_ready_) return life_;
  if (failure_ || is_ending_) throw_why_not();
  return nullptr;
}

bool WorkerProcess::kill() noexcept {
  const std::lock_guard lock(mutex_);
  if (life_) life_->process.kill();
  return life_ != nullptr;
}

bool WorkerProcess::is_at_work() const {
  const std::lock_guard lock(mutex_);
  return !is_ending_ && !failure_ && (!life_ || !is_ready_ || life_->owed > 0);
}

bool WorkerProcess::has_failed() const {
  const std::lock_guard lock(mutex_);
  return failure_.has_value();
}

std::string WorkerProcess::last_words_of(const std::shared_ptr<Life>& life) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return life_ != life; });
  return last_words_;
}

std::string WorkerProcess::last_words() const {
  const std::lock_guard lock(mutex_);
  return last_words_;
}

pid_t WorkerProcess::pid() const {
  const std::lock_guard lock(mutex_);
  return life_ ? life_->process.pid() : 0;
}

std::uint64_t WorkerProcess::restarts() const {
  const std::lock_guard lock(mutex_);
  return restarts_;
}

}  // namespace plimsoll::worker
