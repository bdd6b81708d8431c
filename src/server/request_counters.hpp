// RequestCounters: what was asked and answered since the server began, for /metrics.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "api/answer.hpp"
#include "base/histogram.hpp"
#include "base/mutex.hpp"

#include "token_times.hpp"

namespace plimsoll::monitor {
class Exposition;
}

namespace plimsoll::server {

// Any thread.
class RequestCounters {
 public:
  void answered(const std::string& route, int status, double ms);
  // Tokens and their times count whether the answer came to its end or broke off.
  void text(const std::string& model, const api::Usage& usage, const TokenTimes& times, bool to_its_end);
  [[nodiscard]] std::size_t at_work() const noexcept { return at_work_; }
  [[nodiscard]] std::size_t open() const noexcept { return open_; }
  // As Prometheus' text. docs/monitoring.md lists every metric.
  [[nodiscard]] std::string to_prometheus() const;
  // What llama-server's boards look at, under its names; over all models. `waiting`: requests without a lease yet.
  [[nodiscard]] std::string to_llama_prometheus(std::size_t waiting) const;

  // One request that a model works for, or that waits for one.
  class Work {
   public:
    explicit Work(RequestCounters& counters) : counters_(counters) { ++counters_.at_work_; }
    ~Work() { --counters_.at_work_; }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

   private:
    RequestCounters& counters_;
  };

  // One request that has arrived and whose answer is not written to its end.
  class Open {
   public:
    explicit Open(RequestCounters& counters) : counters_(counters) { ++counters_.open_; }
    ~Open() { --counters_.open_; }
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;

   private:
    RequestCounters& counters_;
  };

 private:
  struct Text {
    std::uint64_t prompt = 0;
    std::uint64_t cached = 0;
    std::uint64_t completion = 0;
    std::uint64_t answers = 0;
    api::Timings timings{};
    std::size_t longest = 0;  // tokens of a prompt and its answers
    Histogram between_tokens{kUpToAMinute};
  };
  void add_texts(monitor::Exposition& out) const PLIMSOLL_REQUIRES(mutex_);
  mutable Mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> answers_ PLIMSOLL_GUARDED_BY(mutex_);
  std::map<std::string, double> milliseconds_ PLIMSOLL_GUARDED_BY(mutex_);  // by route
  std::map<std::string, Text> texts_ PLIMSOLL_GUARDED_BY(mutex_);           // by model
  std::atomic<std::size_t> at_work_ = 0;
  std::atomic<std::size_t> open_ = 0;
};

}  // namespace plimsoll::server
