// ServedFleet: the fleet that the flags of `plimsoll serve` and its fleet file or folders describe, whenever it is
// read.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "host/fleet.hpp"

#include "serve_options.hpp"

namespace plimsoll::app {

// What is to be said of these models' chat templates, in the log; of those alone that `names` has.
void say_what_templates_lack(const host::Fleet& fleet, const std::vector<std::string>& names);

// What flags say of models beside their files: other names, sampling, how long they stay. Throws Error{usage}.
void give_settings(host::Fleet& fleet, const ServeOptions& options);

// One thread at a time. The options outlive it.
class ServedFleet {
 public:
  explicit ServedFleet(const ServeOptions& options) : options_(options) {}
  // As the sources are now; its keys are those of --api-key-file, too. Throws Error{usage} for what is wrong with
  // sources or flags.
  [[nodiscard]] host::Fleet read();
  // Those without a name: --api-key, and the files as they were read last.
  [[nodiscard]] const std::vector<std::string>& plain_keys() const noexcept { return plain_keys_; }

 private:
  void add_keys(host::Fleet& fleet);
  void set_a_budget_for_the_host(host::Fleet& fleet);
  const ServeOptions& options_;
  std::vector<std::string> plain_keys_;
  std::optional<Bytes> budget_for_the_host_;  // as it was found first: by now our own models fill the memory
};

}  // namespace plimsoll::app
