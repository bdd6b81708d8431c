// DecodeLoop: the one thread on which the contexts of a compute group are computed.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace plimsoll::run {

// Any thread. It alternates between work that is handed to it, in the order in which it came and for some milliseconds,
// and one batch of each source that has something to decode, in turn. The engine keeps a pool of CPU threads for each
// thread that computes, so one loop is one pool.
class DecodeLoop {
 public:
  using Owner = std::uint64_t;  // one context; never given twice

  // Where batches come from: the sequences of one context.
  class Source {
   public:
    virtual ~Source() = default;
    // On the loop's thread. Decodes one batch. False: nothing is to be decoded until wake() is called.
    [[nodiscard]] virtual bool decode_batch() noexcept = 0;
    // Likewise, in its place: what is done before another owner computes has thrown, so nothing can be decoded.
    virtual void broke_off(const std::exception_ptr& /*failure*/) noexcept {}

   private:
    friend class DecodeLoop;
    Owner owner_ = 0;
    bool ready_ = false;  // guarded by the loop's mutex
  };

  // `before_change` is called on the loop's thread before another owner than the last one computes; what it throws goes
  // to whoever would have computed, and it is called again before anybody does.
  explicit DecodeLoop(std::function<void()> before_change = {});
  ~DecodeLoop();
  DecodeLoop(const DecodeLoop&) = delete;
  DecodeLoop& operator=(const DecodeLoop&) = delete;

  [[nodiscard]] Owner join();

  // Runs `work` on the loop's thread and comes back when it is done; what it throws is thrown here. On the loop's own
  // thread: at once. The caller holds no lock that a source takes to decode.
  void run(Owner owner, const std::function<void()>& work);

  void add(Owner owner, Source& source);
  void remove(Source& source);         // its methods are not running and are not called any more
  void wake(Source& source) noexcept;  // it has something to decode
  // How long the batch that is being decoded has been so; empty: none is. Any thread, and it does not wait.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> decoding_for() const noexcept;
  [[nodiscard]] bool is_this_thread() const noexcept { return std::this_thread::get_id() == thread_.get_id(); }

  // While it lives, what the loop's thread does is a batch for decoding_for(). On that thread.
  class Timed {
   public:
    explicit Timed(DecodeLoop& loop) noexcept;
    ~Timed() { since_ = before_; }
    Timed(const Timed&) = delete;
    Timed& operator=(const Timed&) = delete;

   private:
    std::atomic<std::chrono::steady_clock::rep>& since_;
    const std::chrono::steady_clock::rep before_;
  };

 private:
  struct Job {
    Owner owner;
    const std::function<void()>* work;
    std::exception_ptr failure{};
    bool done = false;
    std::condition_variable changed{};
  };
  static constexpr Owner kNobody = 0;  // computes nothing

  void loop();
  [[nodiscard]] bool decode_batch_of(Source& source) noexcept;
  void change_to(Owner owner);
  void work_off(Job& job) noexcept;
  void work_off_jobs(std::unique_lock<std::mutex>& lock);
  [[nodiscard]] Source* next_ready() noexcept;

  std::function<void()> before_change_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  Owner next_owner_ = 1;
  std::deque<Job*> jobs_;
  std::vector<Source*> sources_;
  std::size_t last_source_ = 0;                                     // index of the one that decoded last
  const Source* decoding_ = nullptr;                                // null: none, or it was removed meanwhile
  Owner last_owner_ = kNobody;                                      // the loop's thread only
  std::atomic<std::chrono::steady_clock::rep> decoding_since_ = 0;  // 0: not now
  std::thread thread_;                                              // the last member: it uses the others
};

}  // namespace plimsoll::run
