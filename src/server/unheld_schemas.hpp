// UnheldSchemas: what of requests' schemas no grammar held, and what became of the checks: for the log and for
// /metrics.
#pragma once
#include <string>

#include "api/held_form.hpp"

#include "ignored_fields.hpp"

namespace plimsoll::server {

class TextJob;

// Any thread.
class UnheldSchemas {
 public:
  // Before the answer: each place once a minute.
  void tell(const api::HeldForm& held, const std::string& path);
  // After it: answers that break their schema, once a minute for each model.
  void tell(const TextJob& job);
  [[nodiscard]] std::string to_prometheus() const;

 private:
  IgnoredFields unchecked_{"plimsoll_schema_unchecked_total",
                           "Keywords of schemas that answers were only checked for afterwards, by name.", "keyword"};
  IgnoredFields loosened_{"plimsoll_schema_loosened_total",
                          "Keywords of schemas that nothing held answers to, by name.", "keyword"};
  IgnoredFields checks_{"plimsoll_schema_checks_total",
                        "Answers that were checked against their schema, by what became of it.", "result"};
  IgnoredFields models_;  // whose answers broke their schemas: for the log alone
};

}  // namespace plimsoll::server
