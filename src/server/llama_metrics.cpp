// RequestCounters under llama-server's names.
#include <algorithm>

#include "monitor/exposition.hpp"

#include "request_counters.hpp"

namespace plimsoll::server {

std::string RequestCounters::to_llama_prometheus(std::size_t waiting) const {
  api::Timings all;
  std::size_t longest = 0;
  {
    const MutexLock lock(mutex_);
    for (const auto& [model, text] : texts_) {
      all += text.timings;
      longest = std::max(longest, text.longest);
    }
  }
  const auto rate = [](std::size_t count, double ms) { return ms <= 0 ? 0 : static_cast<double>(count) * 1e3 / ms; };
  monitor::Exposition out;
  const auto add = [&](const char* name, const char* kind, const char* help, auto value) {
    out.family(name, kind, help);
    out.add({}, value);
  };
  add("llamacpp:prompt_tokens_total", "counter", "Tokens of prompts that were computed.", all.prompt);
  add("llamacpp:prompt_tokens_cached_total", "counter", "Tokens of prompts that were in memory.", all.cached);
  add("llamacpp:prompt_seconds_total", "counter", "Time spent on prompts.", all.prompt_ms / 1e3);
  add("llamacpp:tokens_predicted_total", "counter", "Tokens of answers.", all.predicted);
  add("llamacpp:tokens_predicted_seconds_total", "counter", "Time spent on answers.", all.predicted_ms / 1e3);
  add("llamacpp:n_tokens_max", "gauge", "Tokens of the longest prompt with its answer.", longest);
  add("llamacpp:prompt_tokens_seconds", "gauge", "Tokens of prompts per second.", rate(all.prompt, all.prompt_ms));
  add("llamacpp:predicted_tokens_seconds", "gauge", "Tokens of answers per second.",
      rate(all.predicted, all.predicted_ms));
  add("llamacpp:requests_processing", "gauge", "Requests at work.", at_work());
  add("llamacpp:requests_deferred", "gauge", "Requests that wait.", waiting);
  return out.text();
}

}  // namespace plimsoll::server
