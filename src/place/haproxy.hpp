// haproxy: a placement as the configuration of HAProxy, one address with OpenAI's API in front of all servers.
#pragma once
#include <vector>

#include "place/serving.hpp"

namespace plimsoll::place {

// Who starts the servers that it stands before.
enum class ServedBy {
  nodes,       // each node one, of all its models, at Serving::port: `plimsoll serve NODE.toml`
  slurm,       // each replica one, at its own port, on any node that could hold it
  kubernetes,  // each replica one, behind its model's Service
};

// haproxy.cfg, and beside it names.map and names-lower.map (a model's names to where it is served) and models.json
// (what GET /v1/models is answered with). Throws Error{usage} where nothing is placed.
[[nodiscard]] std::vector<RenderedFile> haproxy_files(const ServedCluster& served, ServedBy by);

}  // namespace plimsoll::place
