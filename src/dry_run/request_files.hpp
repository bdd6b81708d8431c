// request_files: which files a dry run is about, as they are now.
#pragma once
#include <string>

#include "dry_run/dry_run.hpp"

namespace plimsoll::dry_run {

// engine::file_identity of the model's, its adapters', its control vectors' and its projector's files, one after the
// other. To be read before a dry run: what changes while one is made is another file than the one that was asked about.
// Any thread.
[[nodiscard]] std::string files_of(const DryRunRequest& request);

}  // namespace plimsoll::dry_run
