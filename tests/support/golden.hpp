// golden: text held against a file beside the tests.
#pragma once
#include <string>
#include <string_view>

namespace plimsoll {

// Fails where the text differs from tests/<name>. With PLIMSOLL_UPDATE_GOLDEN=1 in the environment the file is written
// anew and the test fails all the same, so that nobody mistakes an update for a pass.
void expect_golden(const std::string& name, std::string_view text);

}  // namespace plimsoll
