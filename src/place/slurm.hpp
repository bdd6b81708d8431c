// slurm: a placement as jobs of Slurm, a server of one replica each.
#pragma once
#include <string>
#include <vector>

#include "place/serving.hpp"

namespace plimsoll::place {

// nodes.conf and gres.conf, to be included by slurm.conf: of each node the memory of its host and, of each device, its
// bytes as the countable resource "vram". NAME.sbatch: an array of jobs with the exact bytes of a replica, which run
// `plimsoll serve`. submit.sh: gives every replica of the placement its job, lets alone those that have it and cancels
// those that are in it no more. Throws Error{usage} where Slurm could not take it.
[[nodiscard]] std::vector<RenderedFile> slurm_files(const ServedCluster& served);

// A sentence for each node on which more is placed than it has cpus for: bytes are not all that Slurm counts, and it
// lets jobs wait, or runs them elsewhere.
[[nodiscard]] std::vector<std::string> waiting_for_cpus(const ServedCluster& served);

}  // namespace plimsoll::place
