// SchemaNotes: what of a schema its grammar does not hold, and where.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace plimsoll::grammar {

struct SchemaNote {
  enum class Kind {
    unchecked,  // what is written may break it; a finished text can be checked for it
    loosened,   // nobody holds to it
  };
  Kind kind = Kind::unchecked;
  std::string pointer{};  // JSON pointer to the keyword: "#/properties/when/format"
  std::string keyword{};  // its last part; "schema" where a schema as a whole is meant
  std::string why{};
  friend bool operator==(const SchemaNote&, const SchemaNote&) = default;
};

// One thread.
class SchemaNotes {
 public:
  // Strict: what would be noted is thrown, as Error{unsupported} or Error{usage}.
  explicit SchemaNotes(bool strict) : strict_(strict) {}

  // `pointer`: of the schema that has the keyword.
  void unchecked(const std::string& pointer, const std::string& keyword, const std::string& why);
  void loosened(const std::string& pointer, const std::string& keyword, const std::string& why);
  // The keyword is there with a value that means nothing. `what` goes on with "the schema at '...'".
  void wrong(const std::string& pointer, const std::string& keyword, const std::string& what);

  [[nodiscard]] const std::vector<SchemaNote>& all() const noexcept { return notes_; }
  // What was noted since there were so many is forgotten.
  void go_back_to(std::size_t count) { notes_.resize(count); }

  static constexpr std::size_t kMost = 256;

 private:
  void add(SchemaNote note);

  bool strict_;
  std::vector<SchemaNote> notes_;
};

// The pointer of a member.
[[nodiscard]] std::string pointer_to(const std::string& pointer, const std::string& member);

}  // namespace plimsoll::grammar
