#include "form_fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <optional>

#include <plimsoll/base/error.hpp>
#include "grammar/gbnf_repetitions.hpp"
#include "grammar/gbnf_text.hpp"
#include "grammar/text_grammar.hpp"

namespace plimsoll::api {
namespace {

constexpr std::size_t kLongestGrammar = 65536;
constexpr std::size_t kDeepestGrammar = 100;
constexpr std::size_t kMostChoices = 1024;

const Json& any_object() {
  static const Json kSchema{{"type", "object"}};
  return kSchema;
}

// The forms of one object; structured_outputs has the same under shorter names.
class FormReader {
 public:
  FormReader(Fields& fields, TextRequest& request) : fields_(fields), request_(request) {}

  void schema(const char* key) {
    const Json* given = fields_.find(key);
    if (given == nullptr) return;
    if (!given->is_string()) return take_schema(key, *given);
    std::optional<Json> parsed = json_inside(given->get<std::string>());
    if (!parsed) fields_.fail(key, "is a text that is not JSON, or is nested too deep");
    take_schema(key, std::move(*parsed));
  }

  void take_schema(const char* key, Json schema) {
    if (!schema.is_object() && !schema.is_boolean()) fields_.fail(key, "must be a JSON Schema");
    // "Any object" beside a schema says nothing more.
    if (!request_.schema.is_null() && request_.schema != schema) {
      if (schema == any_object()) return;
      if (request_.schema != any_object()) fields_.fail(key, "was given beside another schema");
    }
    request_.schema = std::move(schema);
  }

  // Ollama's: "json", or a schema.
  void format() {
    const Json* given = fields_.find("format");
    if (given == nullptr || *given == "") return;
    if (given->is_string() && *given != "json") fields_.fail("format", "must be 'json' or a JSON Schema");
    take_schema("format", given->is_string() ? any_object() : *given);
  }

  void choice(const char* key) {
    const Json* given = fields_.find(key);
    if (given == nullptr) return;
    const bool texts = given->is_array() && !given->empty() && given->size() <= kMostChoices &&
                       std::ranges::all_of(*given, [](const Json& one) { return one.is_string(); });
    if (!texts) fields_.fail(key, fmt::format("must be a list of 1 to {} texts", kMostChoices));
    take_grammar(key, grammar::grammar_of_choices(given->get<std::vector<std::string>>()));
  }

  void regex(const char* key) {
    const auto pattern = fields_.text(key);
    if (!pattern) return;
    try {
      take_grammar(key, grammar::grammar_of_pattern(*pattern));
    } catch (const Error& error) {
      fields_.fail(key, fmt::format("cannot be followed: {}", error.what()));
    }
  }

  void gbnf(const char* key) {
    if (const auto text = fields_.text(key); text && !text->empty()) take_grammar(key, *text);
  }

 private:
  // The engine reads grammars by recursion, and a thread's stack has an end.
  void take_grammar(const char* key, const std::string& grammar) {
    if (grammar.size() > kLongestGrammar)
      fields_.fail(key, fmt::format("may be {} bytes long at most", kLongestGrammar));
    if (grammar::gbnf_depth(grammar) > kDeepestGrammar)
      fields_.fail(key, fmt::format("is nested deeper than {} parentheses", kDeepestGrammar));
    if (const std::string excess = grammar::excess_of_repetitions(grammar); !excess.empty())
      fields_.fail(key, fmt::format("is too large: {}", excess));
    if (!request_.sampling.grammar.empty()) fields_.fail(key, "was given beside another grammar");
    request_.sampling.grammar = grammar;
  }

  Fields& fields_;
  TextRequest& request_;
};

void read_structured_outputs(Fields& fields, TextRequest& request) {
  const Json* given = fields.find("structured_outputs");
  if (given == nullptr) return;
  Fields inner(*given, fields.path_of("structured_outputs"));
  FormReader reader(inner, request);
  reader.schema("json");
  if (inner.flag("json_object").value_or(false)) reader.take_schema("json_object", any_object());
  reader.choice("choice");
  reader.regex("regex");
  reader.gbnf("grammar");
  inner.pass_over_unknown();
}

// Where the text of a form stands: the first of `keys` that is there.
const char* key_of(Fields& fields, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (fields.find(key) != nullptr) return key;
  }
  fields.fail(*keys.begin(), "is missing");
}

Json schema_of(Fields& fields, const std::string& type) {
  if (type == "json_object" || type == "json") {
    for (const char* key : {"schema", "value"}) {  // as llama-server takes it, and as TGI does
      if (const Json* schema = fields.find(key)) return *schema;
    }
    return any_object();
  }
  if (type != "json_schema") fields.fail("type", "must be 'text', 'json_object', 'json_schema', 'regex' or 'grammar'");
  if (const Json* nested = fields.find("json_schema")) {
    Fields inner(*nested, fields.path_of("json_schema"));
    // TGI's has its schema in 'value'.
    return inner.need(inner.find("schema") == nullptr && inner.find("value") != nullptr ? "value" : "schema");
  }
  return fields.need("schema");
}

}  // namespace

void read_format(const Json& format, const std::string& path, TextRequest& request) {
  Fields fields(format, path);
  const std::string type = fields.text("type").value_or(fields.find("json_schema") != nullptr ? "json_schema" : "text");
  if (type == "text") return;
  FormReader reader(fields, request);
  // Of Together and TensorRT-LLM, TGI and Fireworks.
  if (type == "regex") return reader.regex(key_of(fields, {"regex", "pattern", "value"}));
  if (type == "grammar" || type == "ebnf" || type == "gbnf")
    return reader.gbnf(key_of(fields, {"grammar", "ebnf", "gbnf", "value"}));
  request.schema = schema_of(fields, type);
}

void read_form(Fields& fields, TextRequest& request) {
  FormReader reader(fields, request);
  if (const Json* format = fields.find("response_format"))
    read_format(*format, fields.path_of("response_format"), request);
  reader.schema("json_schema");
  reader.schema("guided_json");
  reader.format();
  reader.gbnf("grammar");
  reader.gbnf("guided_grammar");
  reader.choice("guided_choice");
  reader.regex("guided_regex");
  reader.regex("regex");  // SGLang's names
  reader.gbnf("ebnf");
  read_structured_outputs(fields, request);
}

}  // namespace plimsoll::api
