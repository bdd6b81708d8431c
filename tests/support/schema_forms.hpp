// The forms of schemas that clients are seen to send, one keyword or habit each, with texts that are of the form, texts
// that its grammar must refuse, and texts that only a check afterwards can tell from the right ones.
#pragma once
#include <string>
#include <vector>

namespace plimsoll::test {

struct SchemaForm {
  std::string name{};
  std::string schema{};
  enum Held { by_grammar, checked, loosened } held = by_grammar;
  std::vector<std::string> valid{};
  std::vector<std::string> refused{};  // by the grammar
  std::vector<std::string> broken{};   // allowed by the grammar, found by the check
};

[[nodiscard]] const std::vector<SchemaForm>& schema_forms();

// Parts of them.
[[nodiscard]] std::vector<SchemaForm> forms_of_numbers();
[[nodiscard]] std::vector<SchemaForm> forms_of_strings();

}  // namespace plimsoll::test
