// SchemaReferences: what a $ref leads to inside of its own schema: a pointer, an anchor, an $id.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace plimsoll::grammar {

// A view of the root. One thread.
class SchemaReferences {
 public:
  using Json = nlohmann::ordered_json;
  explicit SchemaReferences(const Json& root) : root_(root) {}

  // Null: it is not there, or elsewhere (http://...).
  [[nodiscard]] const Json* find(const std::string& target) const;

 private:
  void collect(const Json& schema, int depth) const;

  const Json& root_;
  mutable bool collected_ = false;
  mutable std::map<std::string, const Json*, std::less<>> names_;  // "#anchor", and what an $id says
};

}  // namespace plimsoll::grammar
