// The options beside the parameters: files, budgets, and the draft; and everything in the order of help and docs.
#include "member.hpp"

namespace plimsoll::options {
namespace {

Option repeated(Option option) {
  option.repeats = true;
  return option;
}
Option list_of_files(Option option) {  // a list in TOML
  option.kind = Kind::list;
  option.repeats = option.is_file = true;
  option.has_env = false;
  return option;
}
Option file(Option option) {
  option.is_file = true;
  return option;
}
Option flag(Option option) {
  option.kind = Kind::flag;
  return option;
}
Option without_env(Option option) {
  option.has_env = false;
  return option;
}
std::vector<Option> of_group(Group group, std::vector<Option> options) {
  for (Option& option : options) {
    option.group = group;
    if (group == Group::budget) option.changes = Changes::nothing;
  }
  return options;
}

// Each: no name of the engine's, flags, what stands for the value, meaning, default, key.

std::vector<Option> which_model() {
  return {
      repeated(file({"",
                     {"-m", "--model"},
                     "FILE",
                     "GGUF file, or the first file of a split model; repeatable for `plan`, `calibrate` and `serve`",
                     "the demo models",
                     "path"})),
      repeated(without_env({"", {"--name"}, "NAME", "name of the `--model` before it", "the file's name", "name"}))};
}

std::vector<Option> files_of_a_model() {
  return {
      flag(without_env({"", {"--no-mmap"}, "", "the same as `--load-mode none`"})),
      list_of_files({"", {"--lora"}, "FILE", "LoRA adapter; repeatable", "", "lora"}),
      repeated(without_env({"", {"--lora-scaled"}, "FILE:SCALE", "LoRA adapter at a scale; repeatable"})),
      list_of_files(
          {"", {"--control-vector"}, "FILE", "control vector; repeatable, they are summed", "", "control-vector"}),
      repeated(without_env({"", {"--control-vector-scaled"}, "FILE:SCALE", "control vector at a scale; repeatable"})),
      without_env({"",
                   {"--control-vector-layer-range"},
                   "START END",
                   "the first and the last layer that control vectors steer",
                   "all but the first"}),
      repeated(file(without_env({"",
                                 {"-mm", "--mmproj"},
                                 "FILE",
                                 "projector of the `--model` before it: what it takes to see pictures or hear sounds",
                                 "",
                                 "mmproj"})))};
}

// Machines whose devices are among those to compute on.
std::vector<Option> remote_devices() {
  return {
      {.flags = {"--rpc"},
       .value = "HOST:PORT[,...]",
       .text = "servers of ggml's RPC backend (`ggml-rpc-server`), whose devices are then devices like others, `RPC0` "
               "and so on ([cluster](cluster.md#one-model-over-several-machines)); several with commas between them; "
               "repeatable",
       .changes = Changes::nothing,
       .repeats = true},
      flag({.flags = {"--rpc-insecure"},
            .text = "those servers may be at addresses that are neither loopback nor private; the protocol has no "
                    "authentication",
            .changes = Changes::nothing})};
}

// How chats are written: nothing that a dry run or a ready model knows of.
std::vector<Option> chat_templates() {
  return {
      {.flags = {"--chat-template"},
       .value = "TEXT|NAME",
       .text = "[chat template](chat-templates.md) in the place of the file's: Jinja text, or a name that llama.cpp "
               "knows",
       .by_default = "the file's own, else ChatML",
       .key = "chat-template",
       .changes = Changes::nothing},
      file({.flags = {"--chat-template-file"},
            .value = "FILE",
            .text = "the same from a file",
            .key = "chat-template-file",
            .changes = Changes::nothing})};
}

std::vector<Option> budgets() {
  return of_group(
      Group::budget,
      {repeated(
           {"",
            {"--budget"},
            "[DEVICE=]SIZE|PERCENT[,shared]",
            "how far a device may be filled; without a device: every accelerator, or the host of a machine that has "
            "none; with `,shared`: by all Plimsoll processes together ([broker](broker.md)); repeatable, one for each "
            "device",
            "90 % of an accelerator, shared; none on the host, but in [`serve`](#serve) 90 % of what it has free at "
            "the "
            "start"}),
       repeated(
           {"",
            {"--runtime"},
            "DEVICE=SIZE",
            "what the backend takes for itself on a device, in the place of an estimate or a calibration; repeatable",
            "calibrated, else estimated"}),
       flag({"",
             {"--no-prefault"},
             "",
             "host memory that is charged is not touched before it is used: loading is faster, and until then another "
             "process may be promised the same memory ([0026](decisions/0026-what-is-charged-is-touched.md))",
             "touched as it is taken"})});
}

std::vector<Option> draft() {
  Option layers{
      "", {"-ngld", "--gpu-layers-draft"}, "N", "its layers on accelerators", "as the target's", "gpu-layers-draft"};
  layers.words = {"all", "auto", "0"};
  return of_group(
      Group::draft,
      {file({"",
             {"-md", "--model-draft"},
             "FILE",
             "GGUF file of the small model that proposes tokens",
             "",
             "model-draft"}),
       layers,
       {"", {"--draft-max"}, "N", "tokens proposed at a time at most", "8", "draft-max"},
       {"", {"--draft-p-min"}, "P", "proposals end at a token that the draft gives less", "0.5", "draft-p-min"}});
}

template <class Params>
void append(std::vector<Option>& all) {
  for (const auto& row : rows<Params>()) {
    Option option = *row;
    if (const std::string value = row->text(Params{}); option.by_default.empty() && option.kind != Kind::flag)
      option.by_default =
          option.kind == Kind::number || option.kind == Kind::real || value.empty() ? value : "`" + value + "`";
    all.push_back(std::move(option));
  }
}

}  // namespace

std::vector<Option> all_options() {
  std::vector<Option> all = which_model();
  append<engine::ModelParams>(all);
  all.append_range(files_of_a_model());
  all.append_range(chat_templates());
  all.append_range(remote_devices());
  append<engine::ProjectorParams>(all);
  append<engine::ContextParams>(all);
  all.append_range(budgets());
  all.append_range(draft());
  return all;
}

}  // namespace plimsoll::options
