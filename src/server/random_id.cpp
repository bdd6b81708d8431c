#include "random_id.hpp"

#include <fmt/format.h>

#include <random>

namespace plimsoll::server {

std::string random_id() {
  thread_local std::random_device source;
  return fmt::format("{:08x}{:08x}{:08x}", source(), source(), source());
}

}  // namespace plimsoll::server
