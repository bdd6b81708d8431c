// Model headers: the first bytes of a model file on another machine, as a local file that can be planned.
#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include <plimsoll/base/bytes.hpp>
#include "remote/http_client.hpp"

namespace plimsoll::remote {

// A model's header on this machine. The file is as long as the model's, and holes are where its tensors would be: what
// is planned for it is what is planned for the model, to the byte. It cannot be run.
struct ModelHeader {
  std::string path;        // of the first file of a split
  Bytes model{};           // all files as they are on the server
  Bytes read{};            // of them, now; what was kept from an earlier time is not read again
  bool has_ranges = true;  // false: the server sent its files from their beginning, and was cut off
  bool was_kept = true;    // all of it, from an earlier time: read was no more than what says so
};

// Where headers are kept, and how much of that.
struct HeaderFolder {
  std::filesystem::path path;
  std::size_t most = 256;  // of the addresses that were asked for last
};

// `url` is http:// or https://; the first file of a split stands for all of them. `progress` hears of every piece, with
// the bytes that were read of one file. A header that was read before is used again where the server says that its file
// is the same. Throws Error{model_unusable} for what is no model file or whose header is longer than 256 MiB, Error{io}
// for a server that does not answer, lies about the length or tells none, or for a disk that is full, Error{cancelled}.
// One thread; several processes may use one folder.
[[nodiscard]] ModelHeader fetch_header(HttpClient& client, const std::string& url, const HeaderFolder& folder,
                                       const std::function<void(Bytes)>& progress = {});

}  // namespace plimsoll::remote
