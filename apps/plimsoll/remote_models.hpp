// Remote models: what the command line names on other machines, as local files with the models' headers.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <plimsoll/base/error.hpp>
#include "remote/hub_files.hpp"
#include "remote/model_header.hpp"

namespace plimsoll::app {

// One that was asked for. `header` is absent where it could not be read, and `why` says so.
struct RemoteModel {
  std::string address;  // hf:OWNER/REPO:FILE, or the URL
  std::string url;
  std::string file;  // in the repository; else as the address ends
  Bytes bytes{};     // as the hub lists it; 0: not listed
  std::optional<remote::ModelHeader> header{};
  std::optional<Error> why{};
};

// Reads what it is asked for when it is asked; remembers under which local paths. One thread.
class RemoteModels {
 public:
  explicit RemoteModels(std::stop_token stop);

  // What an address stands for: one model, or those of a repository. Throws Error{usage}, Error{io}, Error{cancelled}.
  [[nodiscard]] std::vector<RemoteModel> find(const std::string& address);
  // Reads the header. Throws as remote::fetch_header().
  void read(RemoteModel& model);
  // The local path of the header of the one model that an address stands for; Error{usage} where it stands for several.
  [[nodiscard]] std::string read_one(const std::string& address);
  // As read(), but what is wrong with one is that one's own; Error{cancelled} is thrown.
  void try_to_read(RemoteModel& model);

  // The local path of each address that was read, put back into a text: whoever reads it knows the address.
  [[nodiscard]] std::string with_addresses(std::string text) const;
  // A line for each whose server has no ranges, or empty; and all of them for --json.
  [[nodiscard]] std::string remarks() const;
  [[nodiscard]] nlohmann::ordered_json to_json() const;

 private:
  remote::Hub hub_;
  remote::HttpClient client_;
  std::vector<RemoteModel> read_;
};

}  // namespace plimsoll::app
