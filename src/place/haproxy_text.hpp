// haproxy_text: the configuration's text. Private to this part.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace plimsoll::place {

struct HaproxyServer {
  std::string name;
  std::string address;
  std::uint16_t port = 0;
  unsigned pods = 0;  // more than none: the address is a name of as many addresses
};

struct HaproxyBackend {
  std::string name;
  unsigned at_once = 8;   // requests that a server gets; more wait here, and may still go to another one
  bool is_alone = false;  // its servers serve nothing else: one whose model cannot be used is of no use
  std::vector<HaproxyServer> servers{};
};

struct HaproxyFront {
  std::uint16_t port = 8000;
  std::string certificate{};  // with its key; empty: no TLS
  bool has_pods = false;
  std::vector<HaproxyBackend> backends{};
};

[[nodiscard]] std::string haproxy_config(const HaproxyFront& front);

}  // namespace plimsoll::place
