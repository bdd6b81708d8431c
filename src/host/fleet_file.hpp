// fleet_file: a fleet as a TOML file. The keys of a model are the command line's long flags.
//
//   budgets = ["90%", "Vulkan0=8GiB"]
//   prefault = true               # the default: host memory is touched as it is taken
//   keep-in-host = "8GiB"         # weights of models that have gone
//   yield-to-foreign = "2GiB"     # is left to programs that are not Plimsoll's, by idle models that go
//   eviction = "balanced"         # by which policy models go: see eviction_policies.hpp
//   rpc = ["10.0.0.2:50052"]      # servers of ggml's RPC backend, whose devices are devices, too
//   rpc-insecure = false          # true: they may be at addresses that are not private
//
//   [swap]                        # conversations of evicted models
//   memory = "1GiB"
//   disk = "4GiB"
//   folder = "/var/lib/plimsoll"
//
//   [thresholds]                  # of each budget
//   warn = "85%"
//   high = "95%"
//
//   [[model]]
//   name = "chat"                 # default: the file's name
//   path = "models/chat.gguf"     # from the fleet file's folder
//   ctx-size = 4096               # and every other model and context flag: parallel, cache-type-k, gpu-layers, ...
//   compute-group = "main"        # the default; "" shares nothing and waits for nobody
//   pinned = false
//   priority = 0
//   time-to-live = "10min"
//   load-at-start = false
//   runtime = ["CUDA0=600MiB"]    # what its backend takes for itself, where that is known better than planned
//   warm-up = "full"
//   embeddings = true             # for vectors; with pooling = "rank" for ranking
//   model-draft = "tiny.gguf"     # proposes tokens to this one; with gpu-layers-draft, draft-max, draft-p-min
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "host/config_file.hpp"
#include "host/fleet.hpp"

namespace plimsoll::host {

// `folder`: where relative paths begin.
[[nodiscard]] ParsedConfig<Fleet> parse_fleet(std::string_view text, const std::filesystem::path& folder);

// That model with these keys in the place of its own: TOML lines like those of [[model]], but of the table of
// options alone: no files. Throws Error{usage} for the first thing that is wrong; `where` says whose keys they are.
[[nodiscard]] FleetModel with_keys(FleetModel model, std::string_view text,
                                   const std::string& where = "a request for a plan");

// Each model with its place in the file. Throws WrongConfigFile (usage), Error{io} where it cannot be read.
[[nodiscard]] Fleet read_fleet(const std::filesystem::path& path);

}  // namespace plimsoll::host
