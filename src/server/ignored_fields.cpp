#include "ignored_fields.hpp"

#include "monitor/exposition.hpp"

namespace plimsoll::server {

std::vector<std::string> IgnoredFields::note(const std::vector<std::string>& names, Time now) {
  std::vector<std::string> to_tell;
  const MutexLock lock(mutex_);
  for (const std::string& name : names) {
    const bool is_known = fields_.contains(name) || fields_.size() < kMost;
    const std::string counted = is_known ? name : "other";
    Field& field = fields_[counted];
    if (field.count++ > 0 && now - field.told < kBetween) continue;
    field.told = now;
    to_tell.push_back(counted);
  }
  return to_tell;
}

std::string IgnoredFields::to_prometheus() const {
  monitor::Exposition out;
  const MutexLock lock(mutex_);
  out.family(family_, "counter", help_);
  for (const auto& [name, field] : fields_) out.add({{label_, name}}, field.count);
  return out.text();
}

}  // namespace plimsoll::server
