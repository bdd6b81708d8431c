#include "request_counters.hpp"

#include <algorithm>

#include "monitor/exposition.hpp"

namespace plimsoll::server {

void RequestCounters::answered(const std::string& route, int status, double ms) {
  const MutexLock lock(mutex_);
  ++answers_[{route, status}];
  milliseconds_[route] += ms;
}

void RequestCounters::text(const std::string& model, const api::Usage& usage, const TokenTimes& times,
                           bool to_its_end) {
  const MutexLock lock(mutex_);
  Text& text = texts_[model];
  text.prompt += usage.prompt_tokens;
  text.cached += usage.cached_tokens;
  text.completion += usage.completion_tokens;
  text.timings += usage.timings.value_or(api::Timings{});
  text.longest = std::max(text.longest, usage.prompt_tokens + usage.completion_tokens);
  text.between_tokens.merge(times.between());
  if (to_its_end) ++text.answers;
}

std::string RequestCounters::to_prometheus() const {
  monitor::Exposition out;
  const MutexLock lock(mutex_);
  out.family("plimsoll_http_requests_at_work", "gauge", "Requests that a model works for, or that wait for one.");
  out.add({}, at_work());
  out.family("plimsoll_http_requests_total", "counter", "Requests answered, by route and status.");
  for (const auto& [key, count] : answers_)
    out.add({{"route", key.first}, {"status", std::to_string(key.second)}}, count);
  out.family("plimsoll_http_request_seconds_total", "counter",
             "Time from a request's arrival to its answer's last byte.");
  for (const auto& [route, ms] : milliseconds_) out.add({{"route", route}}, ms / 1000);
  add_texts(out);
  return out.text();
}

void RequestCounters::add_texts(monitor::Exposition& out) const {
  const auto add = [&](const char* name, const char* help, const auto& value) {
    mutex_.assert_held();
    out.family(name, "counter", help);
    for (const auto& [model, text] : texts_) out.add({{"model", model}}, value(text));
  };
  add("plimsoll_prompt_tokens_total", "Tokens of prompts.", [](const Text& text) { return text.prompt; });
  add("plimsoll_cached_prompt_tokens_total", "Tokens of prompts that were in memory already.",
      [](const Text& text) { return text.cached; });
  add("plimsoll_completion_tokens_total", "Tokens of answers.", [](const Text& text) { return text.completion; });
  add("plimsoll_answers_total", "Requests for text that were answered to their end.",
      [](const Text& text) { return text.answers; });
  out.family("plimsoll_inter_token_latency_seconds", "histogram",
             "Time from each token to the next one of its answer.");
  for (const auto& [model, text] : texts_) out.add({{"model", model}}, text.between_tokens);
}

}  // namespace plimsoll::server
