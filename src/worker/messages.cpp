#include "worker/messages.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "dry_run/dry_run_json.hpp"
#include "engine/sampling_json.hpp"

#include "worker/rpc_errors.hpp"

namespace plimsoll::worker {
namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

memory::Stage stage_from(const Json& json) {
  const auto stage = memory::stage_from_string(json.get<std::string>());
  if (!stage) throw Error(ErrorCode::internal, fmt::format("there is no stage {}", json.dump()));
  return *stage;
}

Json entries(const std::vector<plan::Entry>& list) {
  Json out = Json::array();
  for (const plan::Entry& entry : list)
    out.push_back({entry.device.name(), entry.buffer, memory::to_string(entry.stage), entry.bytes.value(),
                   static_cast<int>(entry.source), entry.charged});
  return out;
}

std::vector<plan::Entry> entries_from(const Json& json) {
  std::vector<plan::Entry> out;
  for (const Json& one : json)
    out.push_back({.device = device::DeviceId(one.at(0).get<std::string>()),
                   .buffer = one.at(1),
                   .stage = stage_from(one.at(2)),
                   .bytes = Bytes{one.at(3).get<std::uint64_t>()},
                   .source = static_cast<plan::Source>(one.at(4).get<int>()),
                   .charged = one.at(5)});
  return out;
}

Json tag_json(const memory::Tag& tag) {
  return {tag.device.name(), tag.owner, memory::to_string(tag.stage), tag.buffer};
}

memory::Tag tag_from(const Json& json) {
  return {.device = device::DeviceId(json.at(0).get<std::string>()),
          .owner = json.at(1),
          .stage = stage_from(json.at(2)),
          .buffer = json.at(3)};
}

Json held(const std::vector<memory::Entry>& list) {
  Json out = Json::array();
  for (const memory::Entry& entry : list)
    out.push_back({tag_json(entry.tag), entry.planned.value(), entry.taken.current.value(), entry.charged});
  return out;
}

std::vector<memory::Entry> held_from(const Json& json) {
  std::vector<memory::Entry> out;
  for (const Json& one : json) {
    memory::Entry& entry = out.emplace_back();
    entry.tag = tag_from(one.at(0));
    entry.planned = Bytes{one.at(1).get<std::uint64_t>()};
    entry.taken.current = Bytes{one.at(2).get<std::uint64_t>()};
    entry.charged = one.at(3);
  }
  return out;
}

Json compute_buffers(const std::vector<memory::Ledger::PlannedEntry>& list) {
  Json out = Json::array();
  for (const auto& [tag, bytes] : list) out.push_back({tag_json(tag), bytes.value()});
  return out;
}

std::vector<memory::Ledger::PlannedEntry> compute_buffers_from(const Json& json) {
  std::vector<memory::Ledger::PlannedEntry> out;
  for (const Json& one : json)
    out.push_back({.tag = tag_from(one.at(0)), .bytes = Bytes{one.at(1).get<std::uint64_t>()}});
  return out;
}

Json devices(const std::vector<plan::DeviceVerdict>& list) {
  Json out = Json::array();
  for (const plan::DeviceVerdict& verdict : list) {
    const plan::DeviceState& state = verdict.state;
    out.push_back({{"view", dry_run::to_json(dry_run::DeviceView{.info = state.info, .reading = state.reading})},
                   {"budget", state.budget ? Json(state.budget->bytes.value()) : Json(nullptr)}});
  }
  return out;
}

std::vector<plan::DeviceVerdict> devices_from(const Json& json) {
  std::vector<plan::DeviceVerdict> out;
  for (const Json& one : json) {
    dry_run::DeviceView view = dry_run::device_view_from_json(one.at("view"));
    plan::DeviceVerdict verdict;
    verdict.state.info = std::move(view.info);
    verdict.state.reading = std::move(view.reading);
    if (const Json& budget = one.at("budget"); !budget.is_null())
      verdict.state.budget = memory::Budget{.bytes = Bytes{budget.get<std::uint64_t>()}};
    out.push_back(std::move(verdict));
  }
  return out;
}

}  // namespace

std::string to_text(const OpenRequest& request) {
  return dumped({{"version", request.version},
                 {"name", request.plan.name},
                 {"request", dry_run::to_json(request.plan.request)},
                 {"dry_run", dry_run::to_json(request.plan.dry_run)},
                 {"entries", entries(request.plan.entries)},
                 {"compute_group", request.plan.compute_group},
                 {"files", request.plan.files ? Json(*request.plan.files) : Json()},
                 {"compute_buffers", compute_buffers(request.compute_buffers)},
                 {"devices", devices(request.devices)},
                 {"warm_up", run::to_string(request.warm_up)}});
}

OpenRequest open_request_from(const std::string& text) {
  const Json json = Json::parse(text);
  OpenRequest request{.version = json.value("version", "another one")};
  if (request.version != version())
    throw Error(
        ErrorCode::unsupported,
        fmt::format("a process of models is plimsoll {}, and its host is of version {}: both have to be the same",
                    version(), request.version));
  request.plan.name = json.at("name");
  request.plan.request = dry_run::dry_run_request_from_json(json.at("request"));
  request.plan.dry_run = dry_run::dry_run_from_json(json.at("dry_run"));
  request.plan.entries = entries_from(json.at("entries"));
  request.plan.compute_group = json.at("compute_group");
  if (const Json& files = json.at("files"); !files.is_null()) request.plan.files = files.get<std::string>();
  request.compute_buffers = compute_buffers_from(json.at("compute_buffers"));
  request.devices = devices_from(json.at("devices"));
  request.warm_up =
      run::warm_up_depth_from_string(json.at("warm_up").get<std::string>()).value_or(run::WarmUpDepth::automatic);
  return request;
}

std::string to_text(const Opened& opened) {
  return dumped({{"fingerprint", opened.fingerprint},
                 {"held", held(opened.held)},
                 {"held_by_group", held(opened.held_by_group)},
                 {"process", opened.process.value()},
                 {"load_ms", opened.load_ms},
                 {"warm_up_ms", opened.warm_up_ms}});
}

Opened opened_from(const std::string& text) {
  const Json json = Json::parse(text);
  return {.fingerprint = json.at("fingerprint"),
          .held = held_from(json.at("held")),
          .held_by_group = held_from(json.at("held_by_group")),
          .process = Bytes{json.at("process").get<std::uint64_t>()},
          .load_ms = json.at("load_ms"),
          .warm_up_ms = json.at("warm_up_ms")};
}

void require_can_cross(const run::GenerationParams& params) {
  if (params.sampler || params.on_token)
    throw Error(ErrorCode::unsupported,
                "a sampler of one's own, or what reads logits, does not reach into the process of a model");
  if (params.overflow.strategy == run::ContextOverflow::shift ||
      params.overflow.strategy == run::ContextOverflow::reprefill)
    throw Error(ErrorCode::unsupported,
                "a model in a process of its own forgets nothing to make room in a full context: its host would not "
                "know what the process remembers");
}

namespace {

// Bytes, which need not be text.
Json bytes_of(const std::vector<std::string>& strings) {
  Json out = Json::array();
  for (const std::string& one : strings) out.push_back(std::vector<std::uint8_t>(one.begin(), one.end()));
  return out;
}

std::vector<std::string> strings_from(const Json& json) {
  std::vector<std::string> out;
  for (const Json& one : json) {
    const auto bytes = one.get<std::vector<std::uint8_t>>();
    out.emplace_back(bytes.begin(), bytes.end());
  }
  return out;
}

}  // namespace

std::string to_text(const run::GenerationParams& params) {
  require_can_cross(params);
  const Json json{{"prompt", params.prompt},
                  {"predict", params.predict},
                  {"sampling", engine::to_json(params.sampling)},
                  {"stop_strings", bytes_of(params.stop_strings)},
                  {"keep_stop_string", params.keep_stop_string},
                  {"ignore_end_of_generation", params.ignore_end_of_generation},
                  {"keep_end_token", params.keep_end_token},
                  {"show_special", params.show_special},
                  {"overflow", static_cast<int>(params.overflow.strategy)},
                  {"answer_so_far", params.answer_so_far.tokens},
                  {"averages", params.answer_so_far.averages},
                  {"read_ahead", params.read_ahead ? Json(*params.read_ahead) : Json(nullptr)},
                  {"likeliest", params.likeliest ? Json(*params.likeliest) : Json(nullptr)},
                  {"likeliest_after_sampling", params.likeliest_after_sampling},
                  {"prompt_likeliest", params.prompt_likeliest ? Json(*params.prompt_likeliest) : Json(nullptr)},
                  {"progress", bool(params.prompt_progress)},
                  {"prompt_decoded", bool(params.prompt_decoded)},
                  {"draft", params.draft ? Json::array({params.draft->speculation.most,
                                                        params.draft->speculation.least_probability})
                                         : Json(nullptr)}};
  return dumped(json);
}

GenerationRequest generation_request_from(const std::string& text) {
  const Json json = Json::parse(text);
  GenerationRequest request;
  run::GenerationParams& params = request.params;
  params.prompt = json.at("prompt").get<std::vector<engine::Token>>();
  params.predict = json.at("predict");
  params.sampling = engine::sampling_params_from_json(json.at("sampling"));
  params.stop_strings = strings_from(json.at("stop_strings"));
  params.keep_stop_string = json.at("keep_stop_string");
  params.ignore_end_of_generation = json.at("ignore_end_of_generation");
  params.keep_end_token = json.at("keep_end_token");
  params.show_special = json.at("show_special");
  params.overflow.strategy = static_cast<run::ContextOverflow>(json.at("overflow").get<int>());
  params.answer_so_far.tokens = json.at("answer_so_far");
  params.answer_so_far.averages = json.at("averages").get<std::vector<float>>();
  if (!json.at("read_ahead").is_null()) params.read_ahead = json.at("read_ahead").get<std::size_t>();
  if (!json.at("likeliest").is_null()) params.likeliest = json.at("likeliest").get<std::size_t>();
  params.likeliest_after_sampling = json.at("likeliest_after_sampling");
  if (!json.at("prompt_likeliest").is_null()) params.prompt_likeliest = json.at("prompt_likeliest").get<std::size_t>();
  request.tells_progress = json.at("progress");
  request.tells_prompt_decoded = json.at("prompt_decoded");
  if (const Json& draft = json.at("draft"); !draft.is_null())
    request.speculation = {.most = draft.at(0), .least_probability = draft.at(1)};
  return request;
}

std::string header_of(const run::SequenceSnapshot& snapshot) {
  Json spans = Json::array();
  for (const auto& span : snapshot.spans) spans.push_back({span.first, span.count, span.next});
  return dumped({{"fingerprint", snapshot.fingerprint},
                 {"tokens", snapshot.tokens},
                 {"positions", snapshot.positions},
                 {"decoded", snapshot.decoded},
                 {"adapter_scales", snapshot.adapter_scales},
                 {"spans", spans}});
}

run::SequenceSnapshot snapshot_from(const std::string& header) {
  const Json json = Json::parse(header);
  run::SequenceSnapshot snapshot;
  snapshot.fingerprint = json.at("fingerprint");
  snapshot.tokens = json.at("tokens").get<std::vector<engine::Token>>();
  snapshot.positions = json.at("positions").get<std::vector<engine::Position>>();
  snapshot.decoded = json.at("decoded");
  snapshot.adapter_scales = json.at("adapter_scales").get<engine::AdapterScales>();
  for (const Json& span : json.at("spans"))
    snapshot.spans.push_back({.first = span.at(0), .count = span.at(1), .next = span.at(2)});
  return snapshot;
}

namespace {

void write(rpc::Probability::Builder to, const engine::TokenProbability& from) {
  to.setToken(from.token);
  to.setLogit(from.logit);
  to.setProbability(from.probability);
}

engine::TokenProbability read(rpc::Probability::Reader from) {
  return {.token = from.getToken(), .logit = from.getLogit(), .probability = from.getProbability()};
}

void write(capnp::List<rpc::Opinion>::Builder to, const std::vector<run::TokenOpinion>& opinions) {
  for (capnp::uint i = 0; i < to.size(); ++i) {
    write(to[i].initChosen(), opinions[i].chosen);
    auto likeliest = to[i].initLikeliest(static_cast<capnp::uint>(opinions[i].likeliest.size()));
    for (capnp::uint j = 0; j < likeliest.size(); ++j) write(likeliest[j], opinions[i].likeliest[j]);
  }
}

std::vector<run::TokenOpinion> read(capnp::List<rpc::Opinion>::Reader list) {
  std::vector<run::TokenOpinion> out;
  for (const auto opinion : list) {
    run::TokenOpinion& added = out.emplace_back();
    added.chosen = read(opinion.getChosen());
    for (const auto one : opinion.getLikeliest()) added.likeliest.push_back(read(one));
  }
  return out;
}

capnp::Data::Reader as_data(const std::string& text) {
  return {reinterpret_cast<const kj::byte*>(text.data()), text.size()};
}

std::string as_text(capnp::Data::Reader data) { return {data.asChars().begin(), data.size()}; }

std::string failure_of(const run::GenerationOutput& output) {
  if (!output.failure) return {};
  try {
    std::rethrow_exception(output.failure);
  } catch (const Error& error) {
    return text_of(error);
  } catch (const std::exception& error) {
    return text_of({ErrorCode::internal, error.what()});
  } catch (...) {
    return text_of({ErrorCode::internal, "a generation failed with something that is no exception"});
  }
}

}  // namespace

void write(rpc::Output::Builder to, const run::GenerationOutput& output, const std::string& stop_string) {
  write_list(to.initTokens(static_cast<capnp::uint>(output.tokens.size())), output.tokens);
  if (!output.averages.empty())
    write_list(to.initAverages(static_cast<capnp::uint>(output.averages.size())), output.averages);
  if (!output.opinions.empty())
    write(to.initOpinions(static_cast<capnp::uint>(output.opinions.size())), output.opinions);
  if (!output.prompt_opinions.empty())
    write(to.initPromptOpinions(static_cast<capnp::uint>(output.prompt_opinions.size())), output.prompt_opinions);
  to.setText(as_data(output.text));
  to.setReason(static_cast<std::uint16_t>(output.reason));
  if (!stop_string.empty()) to.setStopString(as_data(stop_string));
  if (output.failure) to.setFailure(failure_of(output).c_str());
  to.setPromptMs(output.prompt_ms);
  to.setGenerateMs(output.generate_ms);
  to.setProposed(output.speculation.proposed);
  to.setAccepted(output.speculation.accepted);
}

ReadOutput read(rpc::Output::Reader from) {
  ReadOutput out;
  out.output.tokens = tokens_of(from.getTokens());
  for (const float one : from.getAverages()) out.output.averages.push_back(one);
  out.output.opinions = read(from.getOpinions());
  out.output.prompt_opinions = read(from.getPromptOpinions());
  out.output.text = as_text(from.getText());
  out.output.reason = static_cast<run::FinishReason>(from.getReason());
  out.stop_string = as_text(from.getStopString());
  if (from.getFailure().size() > 0) out.output.failure = std::make_exception_ptr(error_from(from.getFailure().cStr()));
  out.output.prompt_ms = from.getPromptMs();
  out.output.generate_ms = from.getGenerateMs();
  out.output.speculation = {.proposed = from.getProposed(), .accepted = from.getAccepted()};
  return out;
}

std::vector<engine::Token> tokens_of(capnp::List<std::int32_t>::Reader list) {
  std::vector<engine::Token> out;
  for (const std::int32_t token : list) out.push_back(token);
  return out;
}

}  // namespace plimsoll::worker
