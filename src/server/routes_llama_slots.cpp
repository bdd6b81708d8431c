// llama-server's slots: a conversation that is saved to a file by name, restored from it, or erased.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include <plimsoll/base/error.hpp>
#include "api/fields.hpp"
#include "base/clock.hpp"
#include "memory/charge.hpp"
#include "run/state_archive.hpp"

#include "asked_model.hpp"
#include "checked_lease.hpp"
#include "server_impl.hpp"
#include "slot_files.hpp"

namespace plimsoll::server {
namespace {

using api::Json;

constexpr const char* kOwner = "slots";  // in the ledger: a conversation on its way to its file or from it

struct SlotRequest {
  std::size_t slot = 0;
  std::string model{};
  std::string filename{};
};

// The body may be empty where no file is named.
SlotRequest read_slot_request(const httplib::Request& request) {
  SlotRequest asked;
  const std::string& number = request.matches[1];
  const bool is_number = std::ranges::all_of(number, [](unsigned char c) { return std::isdigit(c) != 0; });
  if (!is_number || number.size() > 6) throw api::bad_request(fmt::format("there is no slot {}", number));
  asked.slot = std::stoul(number);
  asked.model = request.get_param_value("model");
  if (request.body.empty()) return asked;
  const Json body = api::parse_object(request.body);
  api::Fields fields(body);
  if (const auto model = fields.text("model")) asked.model = *model;
  if (const auto filename = fields.text("filename")) asked.filename = *filename;
  fields.pass_over_unknown();
  return asked;
}

// Room in the host's memory for as long as it lives.
memory::Charge charged(host::Host& host, Bytes bytes) {
  memory::Charge charge(host.accounting().ledger(), memory::on_the_heap(kOwner, memory::Stage::conversations));
  if (!charge.resize(memory::in_steps(bytes))) {
    throw api::Problem(503, "busy", fmt::format("the host's memory budget has no room for {}", format_bytes(bytes)))
        .retry_after(std::chrono::seconds(1));
  }
  return charge;
}

Bytes size_of(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error || !std::filesystem::is_regular_file(file, error))
    throw api::bad_request(fmt::format("there is no saved conversation '{}'", file.filename().string())).at("filename");
  return Bytes{size};
}

void require_same_model(const run::ServedModel& model, const run::SequenceSnapshot& saved) {
  const std::string fingerprint = model.fingerprint();
  if (run::model_of(saved.fingerprint) != run::model_of(fingerprint))
    throw api::bad_request(
        fmt::format("this conversation is not one of '{}': it was saved with another model", model.name()))
        .at("filename");
}

}  // namespace

// Sequences have no conversation of their own here: the one that requests gave this number, else 0 is the one that was
// used last, 1 the one before it.
std::unique_ptr<PromptCache::Handle> Server::Impl::conversation_in(const std::string& model, const std::string& owner,
                                                                   std::size_t slot) {
  auto handle = prompts.take_recent(model, owner, slot);
  if (handle) return handle;
  const host::ModelStatus status = status_of(host, model);
  if (slot >= status.slots) throw api::bad_request(fmt::format("there is no slot {} of {}", slot, status.slots));
  throw api::bad_request(fmt::format("slot {} holds no conversation", slot));
}

void Server::Impl::save_slot(const httplib::Request& request, httplib::Response& response) {
  const SlotRequest asked = read_slot_request(request);
  const std::string model = model_asked_for(host, asked.model)->request.name;
  const std::string owner = owner_of(request);
  const std::filesystem::path file = slot_files.path_of(asked.filename, owner);
  const auto handle = conversation_in(model, owner, asked.slot);
  handle->keep(handle->tokens(), handle->prompt());  // whatever becomes of the file
  const Counted counted = begin_work(request);
  LeasedModel leased = lease_model(request, model, [](const PromptReader&) {});
  leased.lease->resume(handle->id());
  const run::Conversation& conversation = leased.lease->conversation();
  const memory::Charge charge = charged(host, conversation.size_when_saved());
  const Stopwatch watch;
  const run::SequenceSnapshot saved = conversation.save();
  std::filesystem::create_directories(file.parent_path());
  run::write_archive(file, saved);
  put(response, {{"id_slot", asked.slot},
                 {"filename", asked.filename},
                 {"n_saved", saved.tokens.size()},
                 {"n_written", size_of(file).value()},
                 {"timings", {{"save_ms", watch.elapsed_ms()}}}});
}

void Server::Impl::restore_slot(const httplib::Request& request, httplib::Response& response) {
  const SlotRequest asked = read_slot_request(request);
  const std::string model = model_asked_for(host, asked.model)->request.name;
  const std::string owner = owner_of(request);
  const std::filesystem::path file = slot_files.path_of(asked.filename, owner);
  const Bytes size = size_of(file);
  std::unique_ptr<PromptCache::Handle> handle;  // ends after the lease
  const Counted counted = begin_work(request);
  LeasedModel leased = lease_model(request, model, [](const PromptReader&) {});
  memory::Charge charge = charged(host, size);
  const Stopwatch watch;
  run::SequenceSnapshot saved = run::read_sequence_archive(file);
  require_same_model(leased.lease->served(), saved);
  charge.clear();  // it is charged as a conversation that is swapped out
  const engine::AdapterScales scales = saved.adapter_scales;
  handle = prompts.add(model, owner, host.add_conversation(model, std::move(saved)), scales);
  leased.lease->resume(handle->id());
  const std::vector<engine::Token> tokens = leased.lease->conversation().tokens();
  handle->keep(tokens);
  put(response, {{"id_slot", asked.slot},
                 {"filename", asked.filename},
                 {"n_restored", tokens.size()},
                 {"n_read", size.value()},
                 {"timings", {{"restore_ms", watch.elapsed_ms()}}}});
}

void Server::Impl::erase_slot(const httplib::Request& request, httplib::Response& response) {
  const SlotRequest asked = read_slot_request(request);
  const std::string model = model_asked_for(host, asked.model)->request.name;
  const auto handle = conversation_in(model, owner_of(request), asked.slot);  // it ends with this
  put(response, {{"id_slot", asked.slot}, {"n_erased", handle->tokens().size()}});
}

void Server::Impl::add_llama_slot_routes() {
  http->Post(R"(/slots/([^/]+))", answering([this](const httplib::Request& request, httplib::Response& response) {
               const std::string action = request.get_param_value("action");
               if (action == "save") return save_slot(request, response);
               if (action == "restore") return restore_slot(request, response);
               if (action == "erase") return erase_slot(request, response);
               throw api::bad_request("'action' must be save, restore or erase").at("action");
             }));
}

}  // namespace plimsoll::server
