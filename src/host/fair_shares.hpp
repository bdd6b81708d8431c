// FairShares: how much each tenant has had, by its weight: start-time fair queueing, with what a request really took in
// the place of what was expected. Pure arithmetic.
#pragma once
#include <cstddef>
#include <map>
#include <string>

namespace plimsoll::host {

// Each tenant has a virtual time, which its requests move on by their tokens divided by its weight. The one that is
// behind the others comes next. Whoever wants something again after a pause begins where the others are: unused time is
// no credit. When nobody wants anything, all begin anew.
class FairShares {
 public:
  // One more request of it waits, until leave(). It is within its share as long as it waits and is served.
  void arrive(const std::string& tenant, double weight);
  // A request of it is served, that is expected to take that many tokens.
  void serve(const std::string& tenant, double tokens);
  // It took more than was expected, or less.
  void correct(const std::string& tenant, double tokens);
  void leave(const std::string& tenant);

  [[nodiscard]] double time_of(const std::string& tenant) const;
  // How far so many tokens would move it on.
  [[nodiscard]] double step_of(const std::string& tenant, double tokens) const;

 private:
  struct Account {
    double weight = 1;
    double time = 0;
    std::size_t present = 0;  // requests that wait or are served
  };
  [[nodiscard]] const Account* find(const std::string& tenant) const;

  std::map<std::string, Account> accounts_;
  std::size_t present_ = 0;
  double now_ = 0;  // where the one was who was served last
};

}  // namespace plimsoll::host
