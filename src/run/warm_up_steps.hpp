// The steps of a warm-up sweep: what is run, under which name. Which of them apply depends on the model and its
// context.
#pragma once
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "run/warm_up_target.hpp"

namespace plimsoll::run {

struct Step {
  std::string name;
  std::function<void()> run;  // throws Error where the engine refuses it
  bool is_long = false;       // a whole micro-batch: what it takes, it takes the first time
};

// Runs shapes on one context. Every step begins and ends with whatever the steps before it left in sequence 0; shallow
// steps begin with an empty memory.
class Shapes {
 public:
  Shapes(WarmUpTarget& target, std::uint32_t outputs, std::stop_token stop);

  [[nodiscard]] std::vector<Step> shallow(WarmUpDepth depth, bool accelerated);
  // Fills sequence 0 up to its end, at most until `limit` has passed. False: not filled.
  [[nodiscard]] bool fill(std::chrono::milliseconds limit);
  // For a filled sequence 0.
  [[nodiscard]] std::vector<Step> deep(WarmUpDepth depth);
  // A short prompt and a few tokens, each one sampled: what users send, in small.
  [[nodiscard]] Step small_request();
  void clear();

 private:
  [[nodiscard]] std::vector<std::uint32_t> sizes(WarmUpDepth depth, bool accelerated) const;
  void decode(std::uint32_t tokens, std::uint32_t outputs);
  void decode_from_empty(std::uint32_t tokens, std::uint32_t outputs);
  [[nodiscard]] std::vector<Step> on_the_host_again();
  void begin_to_decode(std::uint32_t tokens, std::uint32_t outputs);
  void encode(std::uint32_t tokens);
  void decode_at_end(std::uint32_t tokens);
  void all_sequences(std::uint32_t tokens_each);
  void shift();
  void copy_and_remove();
  void save_and_restore();
  void sample();
  [[nodiscard]] std::int32_t some_token();

  WarmUpTarget& target_;
  std::uint32_t outputs_;
  std::stop_token stop_;
  std::uint32_t next_token_ = 0;
};

}  // namespace plimsoll::run
