// RemoteReturn: brings models back that have failed because a machine that they compute on had gone, once it answers
// again. Nobody needs to ask for them.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

namespace plimsoll::host {

// Any thread; it has one of its own while something is waited for.
class RemoteReturn {
 public:
  struct World {
    std::function<bool()> answers;                                 // all machines do; takes a few seconds at most
    std::function<bool(const std::string& model)> has_failed;      // it has gone, and is failed
    std::function<bool(const std::string& model)> is_of_interest;  // false: it has gone for good, or for others
    std::function<void(const std::string& model)> load;            // does not wait
  };
  explicit RemoteReturn(World world, std::chrono::milliseconds between_looks = std::chrono::seconds(1))
      : world_(std::move(world)), between_looks_(between_looks) {}
  ~RemoteReturn() { stop(); }
  RemoteReturn(const RemoteReturn&) = delete;
  RemoteReturn& operator=(const RemoteReturn&) = delete;

  void wait_for(const std::string& model);
  void stop();

 private:
  void work(const std::stop_token& stop);
  void look();

  const World world_;
  const std::chrono::milliseconds between_looks_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::set<std::string> awaited_;
  bool is_ending_ = false;
  std::jthread thread_;
};

}  // namespace plimsoll::host
