#include "key_usage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/clock.hpp"
#include "monitor/exposition.hpp"

namespace plimsoll::server {
namespace {

using Seconds = std::chrono::duration<double>;

// "12ms", "1.5s", "6m0s": as OpenAI's headers say it.
std::string in_words(Seconds time) {
  const auto ms = static_cast<std::int64_t>(std::ceil(time.count() * 1000));
  if (ms < 1000) return fmt::format("{}ms", ms);
  const std::int64_t minutes = ms / 60'000;
  const double seconds = static_cast<double>(ms % 60'000) / 1000;
  return minutes > 0 ? fmt::format("{}m{}s", minutes, seconds) : fmt::format("{}s", seconds);
}

// The moment, as Anthropic's headers say it.
std::string as_moment(Seconds time) {
  const auto at = SystemClock().now() + std::chrono::duration_cast<Clock::TimePoint::duration>(time);
  return utc_text(std::chrono::ceil<std::chrono::seconds>(at));
}

void add_headers(KeyUsage::Headers& out, RateLimit& limit, const std::string& of, api::ErrorShape shape,
                 RateLimit::Time now) {
  if (!limit.is_limited()) return;
  if (shape == api::ErrorShape::anthropic) {
    const std::string name = "anthropic-ratelimit-" + of;
    out.emplace_back(name + "-limit", std::to_string(limit.limit()));
    out.emplace_back(name + "-remaining", std::to_string(limit.left(now)));
    out.emplace_back(name + "-reset", as_moment(limit.until_full(now)));
  } else {
    out.emplace_back("x-ratelimit-limit-" + of, std::to_string(limit.limit()));
    out.emplace_back("x-ratelimit-remaining-" + of, std::to_string(limit.left(now)));
    out.emplace_back("x-ratelimit-reset-" + of, in_words(limit.until_full(now)));
  }
}

}  // namespace

KeyUsage::KeyUsage(const std::vector<host::FleetKey>& keys, Time now) { replace(keys, now); }

void KeyUsage::replace(const std::vector<host::FleetKey>& keys, Time now) {
  const MutexLock lock(mutex_);
  std::map<std::string, std::shared_ptr<Usage>> next;
  for (const host::FleetKey& key : keys) {
    std::shared_ptr<Usage>& usage = next[key.name];
    if (const auto before = usage_.find(key.name); before != usage_.end()) {
      usage = before->second;
      usage->requests_left.set_limit(key.requests_per_minute, now);
      usage->tokens_left.set_limit(key.tokens_per_minute, now);
      usage->rules = key;
    } else {
      usage = std::make_shared<Usage>(Usage{.rules = key,
                                            .requests_left = RateLimit(key.requests_per_minute, now),
                                            .tokens_left = RateLimit(key.tokens_per_minute, now)});
    }
  }
  usage_ = std::move(next);
}

KeyUsage::Usage* KeyUsage::find(const std::string& key) {
  const auto found = usage_.find(key);
  return found == usage_.end() ? nullptr : found->second.get();
}

void KeyUsage::refuse(Usage& usage, const std::string& limit, const std::string& sentence, Seconds until) {
  ++usage.refused[limit];
  const auto seconds = std::max(std::chrono::ceil<std::chrono::seconds>(until), std::chrono::seconds(1));
  throw api::Problem(429, "rate_limit_exceeded", sentence).retry_after(seconds).with("limit", limit);
}

std::unique_ptr<KeyUsage::Request> KeyUsage::begin(const std::string& key, Time now) {
  const MutexLock lock(mutex_);
  Usage* const usage = find(key);
  if (usage == nullptr) return nullptr;
  const host::FleetKey& rules = usage->rules;
  if (rules.max_requests > 0 && usage->at_work >= rules.max_requests) {
    refuse(*usage, "concurrency",
           fmt::format("{} requests of '{}' are at work, and it may have no more at once", usage->at_work, key),
           Seconds(1));
  }
  if (const Seconds until = usage->requests_left.until(1, now); until.count() > 0) {
    refuse(*usage, "requests", fmt::format("'{}' may ask {} times in a minute", key, rules.requests_per_minute), until);
  }
  usage->requests_left.take(1, now);
  ++usage->requests;
  ++usage->at_work;
  return std::make_unique<Request>(*this, usage_.at(key));
}

KeyUsage::Request::~Request() {
  const MutexLock lock(all_.mutex_);
  --usage_->at_work;
}

void KeyUsage::take_prompt(const std::string& key, std::size_t tokens, Time now) {
  const MutexLock lock(mutex_);
  Usage* const usage = find(key);
  if (usage == nullptr) return;
  const auto amount = static_cast<double>(tokens);
  if (const Seconds until = usage->tokens_left.until(amount, now); until.count() > 0) {
    refuse(*usage, "tokens",
           fmt::format("'{}' may have {} tokens in a minute, and this prompt has {}", key,
                       usage->rules.tokens_per_minute, tokens),
           until);
  }
  usage->tokens_left.take(amount, now);
}

void KeyUsage::owe(const std::string& key, double tokens, Time now) {
  const MutexLock lock(mutex_);
  if (Usage* const usage = find(key)) usage->tokens_left.take(tokens, now);
}

void KeyUsage::took(const std::string& key, std::size_t prompt, std::size_t cached, std::size_t completion, Time now) {
  const MutexLock lock(mutex_);
  Usage* const usage = find(key);
  if (usage == nullptr) return;
  usage->prompt += prompt;
  usage->cached += cached;
  usage->completion += completion;
  usage->tokens_left.take(static_cast<double>(completion) - static_cast<double>(cached), now);
}

host::Claim KeyUsage::claim_of(const std::string& key, std::optional<int> asked, double cost) const {
  const MutexLock lock(mutex_);
  const auto found = usage_.find(key);
  if (found == usage_.end()) return {.priority = std::min(asked.value_or(0), 0), .cost = cost};
  const host::FleetKey& rules = found->second->rules;
  return {.tenant = key,
          .weight = static_cast<double>(rules.weight),
          .priority = std::min(asked.value_or(rules.priority), rules.priority),
          .cost = cost};
}

KeyUsage::Headers KeyUsage::headers_for(const std::string& key, api::ErrorShape shape, Time now) {
  Headers out;
  const MutexLock lock(mutex_);
  if (Usage* const usage = find(key)) {
    add_headers(out, usage->requests_left, "requests", shape, now);
    add_headers(out, usage->tokens_left, "tokens", shape, now);
  }
  return out;
}

std::string KeyUsage::to_prometheus() const {
  monitor::Exposition out;
  const MutexLock lock(mutex_);
  const auto add = [&](const char* name, const char* type, const char* help, const auto& value) {
    mutex_.assert_held();
    out.family(name, type, help);
    for (const auto& [key, usage] : usage_) out.add({{"key", key}}, value(*usage));
  };
  add("plimsoll_key_requests_at_work", "gauge", "Requests of an API key that are at work or wait.",
      [](const Usage& usage) { return usage.at_work; });
  add("plimsoll_key_requests_total", "counter", "Requests of an API key that were taken.",
      [](const Usage& usage) { return usage.requests; });
  add("plimsoll_key_prompt_tokens_total", "counter", "Tokens of an API key's prompts.",
      [](const Usage& usage) { return usage.prompt; });
  add("plimsoll_key_cached_prompt_tokens_total", "counter",
      "Tokens of an API key's prompts that were in memory already.", [](const Usage& usage) { return usage.cached; });
  add("plimsoll_key_completion_tokens_total", "counter", "Tokens of answers to an API key.",
      [](const Usage& usage) { return usage.completion; });
  out.family("plimsoll_key_refused_total", "counter", "Requests refused for an API key's limit, by limit.");
  for (const auto& [key, usage] : usage_) {
    for (const auto& [limit, count] : usage->refused) out.add({{"key", key}, {"limit", limit}}, count);
  }
  return out.text();
}

}  // namespace plimsoll::server
