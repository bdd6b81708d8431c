// Every allocation of a model's life refused once, in turn.
#pragma once
#include <string>

namespace plimsoll::test {

// Opens, warms and uses a model again and again, refusing allocation 0, 1, 2 ... until one life sees no refusal. Fails
// the test where a refusal crashes, comes out untyped, or leaves bytes in the ledger or the process. Answers how many
// were refused.
int refuse_each(const std::string& architecture, const std::string& device);

}  // namespace plimsoll::test
