// paths: where the tests' data lies. Functions, and not definitions of the compiler's command line: so the same test is
// compiled by the same command in every checkout, and ccache knows it.
#pragma once
#include <string>

namespace plimsoll {

// Of a file or folder below each, named without a "/" before it; empty: the folder itself.
[[nodiscard]] std::string source_path(const std::string& name = {});       // the checkout
[[nodiscard]] std::string binary_path(const std::string& name = {});       // the build folder
[[nodiscard]] std::string arch_models_path(const std::string& name = {});  // one small model per architecture
[[nodiscard]] std::string shared_path(const std::string& name = {});       // data beside the checkout; may be absent

}  // namespace plimsoll
