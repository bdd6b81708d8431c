#include "host/fair_shares.hpp"

#include <algorithm>

namespace plimsoll::host {

void FairShares::arrive(const std::string& tenant, double weight) {
  Account& account = accounts_[tenant];
  account.weight = weight;
  if (account.present++ == 0) account.time = std::max(account.time, now_);
  ++present_;
}

void FairShares::serve(const std::string& tenant, double tokens) {
  Account& account = accounts_[tenant];
  now_ = std::max(now_, account.time);
  account.time += tokens / account.weight;
}

void FairShares::correct(const std::string& tenant, double tokens) {
  Account& account = accounts_[tenant];
  account.time += tokens / account.weight;
}

// What somebody had beyond its share is remembered as long as there is somebody beside whom it counts.
void FairShares::leave(const std::string& tenant) {
  const auto found = accounts_.find(tenant);
  if (found == accounts_.end() || found->second.present == 0) return;
  --found->second.present;
  if (--present_ == 0) {
    accounts_.clear();
    now_ = 0;
  } else if (found->second.present == 0 && found->second.time <= now_) {
    accounts_.erase(found);
  }
}

const FairShares::Account* FairShares::find(const std::string& tenant) const {
  const auto found = accounts_.find(tenant);
  return found == accounts_.end() ? nullptr : &found->second;
}

double FairShares::time_of(const std::string& tenant) const {
  const Account* account = find(tenant);
  return account == nullptr ? now_ : account->time;
}

double FairShares::step_of(const std::string& tenant, double tokens) const {
  const Account* account = find(tenant);
  return account == nullptr ? tokens : tokens / account->weight;
}

}  // namespace plimsoll::host
