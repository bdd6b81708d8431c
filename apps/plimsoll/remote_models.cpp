#include "remote_models.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "plan/store.hpp"

#include "progress.hpp"

namespace plimsoll::app {
namespace {

bool is_file(const std::string& name) { return name.ends_with(".gguf") || name.ends_with(".GGUF"); }

RemoteModel of_hub(const remote::HubName& name, const remote::HubModel& model) {
  const std::string revision = name.revision == "main" ? "" : "@" + name.revision;
  return {.address = fmt::format("hf:{}{}:{}", name.repository, revision, model.file),
          .url = model.url,
          .file = model.file,
          .bytes = model.bytes};
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

}  // namespace

RemoteModels::RemoteModels(std::stop_token stop)
    : hub_(remote::hub_of_environment()), client_({.hub = hub_, .stop = std::move(stop)}) {}

std::vector<RemoteModel> RemoteModels::find(const std::string& address) {
  const auto name = remote::hub_name(address);
  if (!name) return {{.address = address, .url = address, .file = remote::file_name_of(address)}};
  // A file that is named in full needs no listing.
  if (is_file(name->file)) return {of_hub(*name, {.file = name->file, .url = remote::url_of(hub_, *name, name->file)})};
  std::vector<RemoteModel> models;
  for (const remote::HubModel& model : remote::named(remote::hub_models(client_, hub_, *name), *name))
    models.push_back(of_hub(*name, model));
  return models;
}

void RemoteModels::read(RemoteModel& model) {
  Progress progress;
  const remote::HeaderFolder folder{.path = std::filesystem::path(plan::cache_folder()) / "headers"};
  model.header = remote::fetch_header(client_, model.url, folder, [&](Bytes bytes) {
    progress.show(fmt::format("{} of the header of {}", format_bytes(bytes), model.file), 0);
  });
  read_.push_back(model);
}

std::string RemoteModels::read_one(const std::string& address) {
  std::vector<RemoteModel> models = find(address);
  if (models.size() > 1)
    throw Error(ErrorCode::usage,
                fmt::format("'{}' stands for {} models here: name a file behind the last colon, such as {}", address,
                            models.size(), models.front().address));
  read(models.front());
  return models.front().header->path;
}

void RemoteModels::try_to_read(RemoteModel& model) {
  try {
    read(model);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::cancelled) throw;
    model.why = error;
  }
}

std::string RemoteModels::with_addresses(std::string text) const {
  for (const RemoteModel& model : read_) replace_all(text, model.header->path, model.address);
  return text;
}

std::string RemoteModels::remarks() const {
  std::string out;
  for (const RemoteModel& model : read_) {
    if (model.header->has_ranges) continue;
    const std::string how = model.header->was_kept
                                ? "its header was read before"
                                : fmt::format("the first {} were read", format_bytes(model.header->read));
    out += fmt::format("{}: its server gives no pieces of files: {}, and its length is what the server says\n",
                       model.address, how);
  }
  return out;
}

nlohmann::ordered_json RemoteModels::to_json() const {
  auto out = nlohmann::ordered_json::array();
  for (const RemoteModel& model : read_) {
    out.push_back({{"address", model.address},
                   {"url", model.url},
                   {"file_bytes", model.header->model.value()},
                   {"read_bytes", model.header->read.value()},
                   {"has_ranges", model.header->has_ranges}});
  }
  return out;
}

}  // namespace plimsoll::app
