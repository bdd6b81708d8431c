// serving_table: the table [serve] of a cluster file.
//
//   [serve]
//   program = "/usr/bin/plimsoll"  # on the nodes
//   options = ["--api-key-file", "/etc/plimsoll/keys"]
//   port = 8080                    # of a node's server, and of one in a container
//   replica-ports = 20000          # of servers of one replica: ten thousand from there on
//   front-port = 8000              # where clients ask
//   front-certificate = "/etc/haproxy/models.pem"  # with its key, a file there; the default: no TLS
//   beside = "256MiB"              # of the host, what a server of one replica takes beside the plan
//   partition = "gpu"              # of Slurm
//   image = "registry.example/plimsoll:1"  # of containers
//   namespace = "models"           # of Kubernetes
//   runtime-class = "nvidia"       # of containers with devices
#pragma once
#include "place/serving.hpp"

#include "table_reader.hpp"

namespace plimsoll::host {

[[nodiscard]] place::Serving read_serving(const toml::table& table, Complaints& complaints);

}  // namespace plimsoll::host
