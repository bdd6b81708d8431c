#include "host/template_remarks.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "grammar/tool_form.hpp"

namespace plimsoll::host {

std::vector<TemplateRemark> template_remarks(const Fleet& fleet) {
  std::vector<TemplateRemark> out;
  const auto look = [&](const std::string& name, const std::string& path, const std::string& chosen) {
    try {
      out.push_back({.name = name, .facts = engine::template_facts(path, chosen)});
    } catch (const Error&) {  // the file cannot be used, which its plan says
    }
  };
  for (const FleetModel& model : fleet.models) {
    const std::string& path = model.request.dry_run.model.path;
    if (model.request.dry_run.context.embeddings) continue;
    look(model.request.name, path, model.chat_template);
    for (const Preset& preset : model.presets) {
      if (!preset.chat_template.empty()) look(preset.name, path, preset.chat_template);
    }
  }
  return out;
}

std::string remark_on(const TemplateRemark& one) {
  std::string remark = engine::remark_on(one.facts);
  if (remark.empty() && grammar::tool_form(one.facts.source) == grammar::ToolForm::listed)
    remark = "its chat template teaches calls in a form that is not read here; tools are told in the system message";
  return remark;
}

std::string to_text(const std::vector<TemplateRemark>& remarks) {
  std::string out;
  for (const TemplateRemark& one : remarks) {
    const std::string remark = remark_on(one);
    if (!remark.empty()) out += fmt::format("  Chat: {}: {}\n", one.name, remark);
  }
  return out;
}

nlohmann::ordered_json to_json(const std::vector<TemplateRemark>& remarks) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const TemplateRemark& one : remarks) {
    nlohmann::ordered_json json{
        {"name", one.name}, {"own", one.facts.is_own}, {"chats", one.facts.chats}, {"tools", one.facts.tools}};
    if (!one.facts.error.empty()) json["error"] = one.facts.error;
    out.push_back(std::move(json));
  }
  return out;
}

}  // namespace plimsoll::host
