// kubernetes: a placement as manifests.
#pragma once
#include <vector>

#include "place/serving.hpp"

namespace plimsoll::place {

// models.yaml: of replicas that take the same a ConfigMap with the fleet file and a Deployment that asks for the exact
// bytes, of each model a Service without an address of its own. nodes.sh: tells Kubernetes of each node's devices, as a
// resource that it counts in bytes. Throws Error{usage} where no image is named, and for
// names that Kubernetes does not take.
[[nodiscard]] std::vector<RenderedFile> kubernetes_files(const ServedCluster& served);

}  // namespace plimsoll::place
