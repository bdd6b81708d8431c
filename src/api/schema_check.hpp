// SchemaCheck: whether a finished text is valid under its schema. For what a grammar does not hold.
#pragma once
#include <memory>
#include <string>

#include "api/json_text.hpp"
#include "api/schema_verdict.hpp"

namespace plimsoll::api {

// In time and memory that are bounded whatever the schema says, its patterns too. One thread.
class SchemaCheck {
 public:
  explicit SchemaCheck(const Json& schema);  // one that cannot be read decides nothing
  ~SchemaCheck();
  SchemaCheck(SchemaCheck&&) noexcept;
  SchemaCheck& operator=(SchemaCheck&&) noexcept;

  [[nodiscard]] SchemaVerdict check(const std::string& json) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::api
