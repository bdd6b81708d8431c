#include "dry_run/request_files.hpp"

#include "engine/file_identity.hpp"

namespace plimsoll::dry_run {

std::string files_of(const DryRunRequest& request) {
  std::string files = engine::file_identity(request.model.path);
  for (const engine::AdapterParams& adapter : request.adapters) files += engine::file_identity(adapter.path);
  for (const engine::AdapterParams& vector : request.control_vector.files) files += engine::file_identity(vector.path);
  if (request.projector.wanted()) files += engine::file_identity(request.projector.path);
  return files;
}

}  // namespace plimsoll::dry_run
