// form_fields: what holds an answer to a form, in the words of OpenAI, llama-server, Ollama, vLLM, SGLang and TGI.
#pragma once
#include <string>

#include "api/fields.hpp"
#include "api/text_request.hpp"

namespace plimsoll::api {

// response_format, json_schema, format, grammar, guided_json, guided_choice, guided_regex, guided_grammar,
// regex, ebnf and structured_outputs, into the request's schema or its grammar. Throws Problem 400 where two of them
// contradict.
void read_form(Fields& fields, TextRequest& request);
// {"type": "json_object"}, {"type": "json_schema", ...}: into the request's schema; {"type": "regex", "pattern": ...},
// {"type": "grammar", "grammar": ...}, in which GBNF stands: into its grammar; {"type": "text"}: nothing.
void read_format(const Json& format, const std::string& path, TextRequest& request);

}  // namespace plimsoll::api
