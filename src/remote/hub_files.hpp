// Hub files: the models of a repository, as the hub lists its files.
#pragma once
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include "remote/address.hpp"
#include "remote/http_client.hpp"

namespace plimsoll::remote {

struct HubModel {
  std::string file;  // in the repository; of a split, the first
  std::string url;
  Bytes bytes{};  // of all its files
  friend bool operator==(const HubModel&, const HubModel&) = default;
};

// GGUF files that are models, by size: parts of a split are one, projectors (mmproj), adapters and importance matrices
// are left out. Throws Error{io} as HttpClient does, and for an answer that is no list of files, or not all of it.
[[nodiscard]] std::vector<HubModel> hub_models(HttpClient& client, const Hub& hub, const HubName& name);

// Those that `file` names: the file of that path; else those whose names carry that type of weights, in whatever case
// ("q4_k_m"). Throws Error{usage} that names what there is where there is none.
[[nodiscard]] std::vector<HubModel> named(const std::vector<HubModel>& models, const HubName& name);

}  // namespace plimsoll::remote
