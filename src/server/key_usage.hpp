// KeyUsage: what each named API key has asked for, and what it may still ask for.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/problem.hpp"
#include "base/mutex.hpp"
#include "host/claim.hpp"
#include "host/fleet_keys.hpp"

#include "rate_limit.hpp"

namespace plimsoll::server {

// Any thread. Keys without a name of their own have no limits, no share and no figures here.
class KeyUsage {
 public:
  using Time = RateLimit::Time;

  KeyUsage(const std::vector<host::FleetKey>& keys, Time now);
  // From now on these. Who is among them by its name goes on with what it has had; a new limit counts at once.
  void replace(const std::vector<host::FleetKey>& keys, Time now);

  // A request of that key is at work while it lives.
  class Request;
  // Counts it. Throws api::Problem 429 where the key has too many at once, or has had too many in a minute.
  [[nodiscard]] std::unique_ptr<Request> begin(const std::string& key, Time now);
  // Before its prompt is computed. Throws api::Problem 429 where that many tokens are too many in this minute.
  void take_prompt(const std::string& key, std::size_t tokens, Time now);
  // The same for who finds out too late: what is too much is owed. Below 0: they are given back.
  void owe(const std::string& key, double tokens, Time now);
  // After it. `cached`: tokens of the prompt that needed not be computed.
  void took(const std::string& key, std::size_t prompt, std::size_t cached, std::size_t completion, Time now);

  // How a request of that key stands beside others. `asked`: the priority that it wants, at most the key's.
  [[nodiscard]] host::Claim claim_of(const std::string& key, std::optional<int> asked, double cost) const;
  // What an answer says about the key's limits, in the names of that API; nothing where it has none.
  using Headers = std::vector<std::pair<std::string, std::string>>;
  [[nodiscard]] Headers headers_for(const std::string& key, api::ErrorShape shape, Time now);
  [[nodiscard]] std::string to_prometheus() const;

 private:
  struct Usage {
    host::FleetKey rules;
    RateLimit requests_left;
    RateLimit tokens_left;
    std::size_t at_work = 0;
    std::uint64_t requests = 0;
    std::uint64_t prompt = 0;
    std::uint64_t cached = 0;
    std::uint64_t completion = 0;
    std::map<std::string, std::uint64_t> refused{};  // by limit
  };
  [[nodiscard]] Usage* find(const std::string& key) PLIMSOLL_REQUIRES(mutex_);
  [[noreturn]] static void refuse(Usage& usage, const std::string& limit, const std::string& sentence,
                                  std::chrono::duration<double> until);

  mutable Mutex mutex_;  // of every Usage, too
  // By name; requests at work hold theirs.
  std::map<std::string, std::shared_ptr<Usage>> usage_ PLIMSOLL_GUARDED_BY(mutex_);
};

class KeyUsage::Request {
 public:
  Request(KeyUsage& all, std::shared_ptr<Usage> usage) : all_(all), usage_(std::move(usage)) {}
  ~Request();
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

 private:
  KeyUsage& all_;
  std::shared_ptr<Usage> usage_;
};

}  // namespace plimsoll::server
