// template_remarks: what is to be said of a fleet's chat templates before anybody chats.
#pragma once
#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "engine/template_facts.hpp"
#include "host/fleet.hpp"

namespace plimsoll::host {

struct TemplateRemark {
  std::string name;  // of a model, or of a preset with a template of its own
  engine::TemplateFacts facts;
};

// Of all models for text whose files can be read, and of their presets' own templates. Reads the files' headers.
[[nodiscard]] std::vector<TemplateRemark> template_remarks(const Fleet& fleet);

// What a chat meets with it that it does not meet with others; empty: nothing.
[[nodiscard]] std::string remark_on(const TemplateRemark& one);

// A line for each that has something to be said of; empty: none.
[[nodiscard]] std::string to_text(const std::vector<TemplateRemark>& remarks);
[[nodiscard]] nlohmann::ordered_json to_json(const std::vector<TemplateRemark>& remarks);

}  // namespace plimsoll::host
