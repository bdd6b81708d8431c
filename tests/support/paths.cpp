#include "paths.hpp"

namespace plimsoll {
namespace {

std::string in(const char* folder, const std::string& name) { return name.empty() ? folder : folder + ("/" + name); }

}  // namespace

std::string source_path(const std::string& name) { return in(PLIMSOLL_SOURCE_DIR, name); }
std::string binary_path(const std::string& name) { return in(PLIMSOLL_BINARY_DIR, name); }
std::string arch_models_path(const std::string& name) { return in(PLIMSOLL_TEST_MODELS_DIR, name); }
std::string shared_path(const std::string& name) { return in(PLIMSOLL_SHARED_DIR, name); }

}  // namespace plimsoll
