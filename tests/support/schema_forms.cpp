#include "schema_forms.hpp"

#include <iterator>

namespace plimsoll::test {
namespace {

using Held = SchemaForm::Held;
using Forms = std::vector<SchemaForm>;

Forms of_numbers() {
  return {
      {"minimum and maximum of integers",
       R"({"type": "integer", "minimum": -12, "maximum": 345})",
       Held::by_grammar,
       {"-12", "-1", "0", "9", "99", "345", "299"},
       {"-13", "346", "1000", "00", "1.0", "-0"}},
      {"minimum and maximum of numbers",
       R"({"type": "number", "minimum": 0, "maximum": 1})",
       Held::by_grammar,
       {"0", "1", "0.5", "0.001", "1.0", "0.999"},
       {"-0.1", "1.1", "1.01", "2", "10"}},
      {"bounds that are decimals",
       R"({"type": "number", "minimum": -1.25, "maximum": 20.5})",
       Held::by_grammar,
       {"-1.25", "-1.2", "-1", "-0.5", "0", "7.77", "19.99", "20", "20.5", "20.4999"},
       {"-1.26", "-1.3", "-2", "20.51", "20.6", "21", "100"}},
      {"bounds with the same whole part",
       R"({"type": "number", "minimum": 2.25, "maximum": 2.75})",
       Held::by_grammar,
       {"2.25", "2.3", "2.5", "2.7", "2.75", "2.750", "2.2501"},
       {"2", "2.2", "2.24", "2.8", "2.76", "2.7501", "3"}},
      {"a lower bound alone", R"({"type": "number", "minimum": 3.5})", Held::by_grammar, {"3.5", "4", "100.1"}, {"3.49", "3", "-4"}},
      {"an upper bound alone", R"({"type": "number", "maximum": -2})", Held::by_grammar, {"-2", "-2.0", "-3.5", "-100"}, {"-1.9", "0", "2"}},
      {"exclusive bounds",
       R"({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1})",
       Held::by_grammar,
       {"0.1", "0.001", "0.999"},
       {"0", "0.0", "1", "1.0", "-0.1"}},
      {"exclusive bounds of integers",
       R"({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10})",
       Held::by_grammar,
       {"1", "9"},
       {"0", "10"}},
      {"exclusive bounds as draft 4 has them",
       R"({"type": "number", "minimum": 0, "exclusiveMinimum": true, "maximum": 5, "exclusiveMaximum": false})",
       Held::by_grammar,
       {"0.5", "5"},
       {"0", "5.1"}},
      {"multipleOf of integers", R"({"type": "integer", "multipleOf": 5})", Held::by_grammar, {"0", "5", "-10", "12345"}, {"1", "12", "-7"}},
      {"multipleOf with a sign", R"({"type": "integer", "multipleOf": 7, "minimum": 0})", Held::by_grammar, {"0", "7", "49", "700"}, {"-7", "8", "701"}},
      {"multipleOf within bounds",
       R"({"type": "integer", "multipleOf": 15, "minimum": 10, "maximum": 100})",
       Held::by_grammar,
       {"15", "30", "90"},
       {"0", "10", "100", "105"}},
      {"multipleOf within wide bounds",
       R"({"type": "integer", "multipleOf": 7, "minimum": 10, "maximum": 1000000})",
       Held::checked,
       {"14", "700"},
       {"7", "1000001"},
       {"15"}},
      {"multipleOf of cents", R"({"type": "number", "multipleOf": 0.01, "minimum": 0})", Held::by_grammar, {"0", "1.5", "12.34"}, {"1.234", "-1"}},
      {"multipleOf of quarters", R"({"type": "number", "multipleOf": 0.25})", Held::by_grammar, {"0.25", "-1.5", "3", "2.75"}, {"0.3", "1.26"}},
      {"multipleOf of cents within bounds",
       R"({"type": "number", "multipleOf": 0.01, "exclusiveMinimum": 0, "maximum": 9.99})",
       Held::by_grammar,
       {"0.01", "9.99", "5"},
       {"0", "9.991", "10", "0.005"}},
      {"formats of numbers", R"({"type": "integer", "format": "int32"})", Held::by_grammar, {"-2147483648", "7"}, {"2147483648"}},
  };
}

Forms of_strings() {
  return {
      {"minLength and maxLength", R"({"type": "string", "minLength": 2, "maxLength": 4})", Held::by_grammar, {"\"ab\"", "\"é\\n\"", "\"abcd\""}, {"\"a\"", "\"abcde\"", "\"\""}},
      {"maxLength 100000", R"({"type": "string", "maxLength": 100000})", Held::by_grammar, {"\"\"", "\"a\""}, {"1"}},
      {"minLength above the engine's limit", R"({"type": "string", "minLength": 2500})", Held::by_grammar, {"\"" + std::string(2500, 'x') + "\""}, {"\"a\""}},
      {"pattern",
       R"({"type": "string", "pattern": "^[A-Z]{2}-\\d{3}(x|yz)?$"})",
       Held::by_grammar,
       {"\"AB-123\"", "\"ZZ-000yz\""},
       {"\"A-123\"", "\"AB-12\"", "\"AB-123z\""}},
      {"pattern anywhere", R"({"type": "string", "pattern": "b[^a-c]"})", Held::by_grammar, {"\"xbd\"", "\"b\\n\""}, {"\"\"", "\"ba\""}},
      {"pattern with ^ and $ in alternatives", R"({"type": "string", "pattern": "^a|b$"})", Held::by_grammar, {"\"ax\"", "\"xb\""}, {"\"xa\"", "\"bx\""}},
      {"pattern with a length", R"({"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 3})", Held::by_grammar, {"\"ab\"", "\"abc\""}, {"\"a\"", "\"abcd\"", "\"A1\""}},
      {"pattern that has the length itself", R"({"type": "string", "pattern": "^\\d{4}$", "maxLength": 4})", Held::by_grammar, {"\"1234\""}, {"\"123\""}},
      {"look-ahead in a pattern",
       R"({"type": "string", "pattern": "^(?=.*\\d)[a-z\\d]{4,}$"})",
       Held::checked,
       {"\"abc1\""},
       {"\"ab1\"", "\"ABC1\""},
       {"\"abcd\""}},
      {"back-references in a pattern", R"({"type": "string", "pattern": "^(a|b)x\\1$"})", Held::checked, {"\"axa\""}, {"\"cxc\""}, {"\"axb\""}},
      {"word boundaries in a pattern", R"({"type": "string", "pattern": "\\bword\\b"})", Held::checked, {"\"a word\""}, {"\"a\""}, {"\"swords\""}},
      {"a pattern in either case", R"({"type": "string", "pattern": "(?i)^abc$"})", Held::by_grammar, {"\"aBc\""}, {"\"abd\""}},
      {"a pattern that is none", R"({"type": "string", "pattern": "(a"})", Held::loosened, {"\"x\""}, {"1"}},
      {"format date", R"({"type": "string", "format": "date"})", Held::by_grammar, {"\"2024-02-29\"", "\"1999-12-31\"", "\"2000-02-29\""}, {"\"2023-02-29\"", "\"1900-02-29\"", "\"2024-13-01\""}},
      {"format time", R"({"type": "string", "format": "time"})", Held::by_grammar, {"\"23:59:59Z\"", "\"00:00:00.5+01:30\""}, {"\"24:00:00Z\"", "\"12:00:00\""}},
      {"format date-time", R"({"type": "string", "format": "date-time"})", Held::by_grammar, {"\"2024-01-31T12:00:00Z\""}, {"\"2024-01-31 12:00:00Z\"", "\"2024-01-31\""}},
      {"format duration", R"({"type": "string", "format": "duration"})", Held::by_grammar, {"\"P3DT4H\"", "\"PT5M\"", "\"P2W\""}, {"\"P\"", "\"5M\"", "\"PT\""}},
      {"format email", R"({"type": "string", "format": "email"})", Held::by_grammar, {"\"rose.m@ship.example.org\""}, {"\"rose\"", "\"@ship.org\"", "\"a b@c.de\""}},
      {"format uri", R"({"type": "string", "format": "uri"})", Held::by_grammar, {"\"https://example.org/a?b=c#d\"", "\"mailto:a@b.c\""}, {"\"example.org\"", "\"http://a b\""}},
      {"format uuid", R"({"type": "string", "format": "uuid"})", Held::by_grammar, {"\"123e4567-e89b-12d3-a456-426614174000\""}, {"\"123e4567\""}},
      {"format ipv4", R"({"type": "string", "format": "ipv4"})", Held::by_grammar, {"\"192.168.0.1\"", "\"255.255.255.255\""}, {"\"256.1.1.1\"", "\"1.2.3\""}},
      {"format ipv6", R"({"type": "string", "format": "ipv6"})", Held::by_grammar, {"\"::1\"", "\"2001:db8::8a2e:370:7334\"", "\"1:2:3:4:5:6:7:8\""}, {"\"1:2:3\"", "\"12345::\"", "\"1::2::3\""}},
      {"format hostname", R"({"type": "string", "format": "hostname"})", Held::by_grammar, {"\"a-b.example.org\""}, {"\"-a\"", "\"a_b\"", "\"a..b\""}},
      {"a format that is not known", R"({"type": "string", "format": "phone"})", Held::loosened, {"\"anything\""}, {"1"}},
      {"a format that forbids nothing", R"({"type": "string", "format": "password"})", Held::by_grammar, {"\"anything\""}, {"1"}},
      {"format beside a pattern", R"({"type": "string", "format": "date", "pattern": "^20"})", Held::checked, {"\"2024-01-01\""}, {"\"1999-01-01\""}, {"\"2024\""}},
      {"contentEncoding", R"({"type": "string", "contentEncoding": "base64"})", Held::by_grammar, {"\"aGk=\"", "\"\""}, {"\"a\"", "\"a$==\""}},
  };
}

Forms of_arrays() {
  return {
      {"items, minItems and maxItems", R"({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3})", Held::by_grammar, {"[1,2]", "[1, 2, 3]"}, {"[1]", "[]", "[1,2,3,4]", "[\"a\",1]"}},
      {"maxItems above the engine's limit", R"({"type": "array", "items": {"type": "boolean"}, "maxItems": 5000})", Held::by_grammar, {"[]", "[true]"}, {"[1]"}},
      {"prefixItems", R"({"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": false, "minItems": 2})", Held::by_grammar, {R"([1,"a"])"}, {"[1]", R"([1,"a",2])"}},
      {"items as a list", R"({"type": "array", "items": [{"type": "integer"}], "additionalItems": {"type": "null"}, "minItems": 1})", Held::by_grammar, {"[1]", "[1,null]"}, {"[]", "[1,1]"}},
      {"uniqueItems of few values", R"({"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": true, "minItems": 1})", Held::by_grammar, {R"(["b"])", R"(["c","a"])", R"(["a","b","c"])"}, {"[]", R"(["a","a"])", R"(["a","b","a"])"}},
      {"uniqueItems of many values", R"({"type": "array", "items": {"type": "integer"}, "uniqueItems": true})", Held::checked, {"[1,2]"}, {"[true]"}, {"[1,1]"}},
      {"contains", R"({"type": "array", "items": {"type": "integer"}, "contains": {"const": 7}})", Held::by_grammar, {"[7]", "[1,7]", "[7,2,7]"}, {"[]", "[1]", "[1,2]"}},
      {"contains beside maxItems", R"({"type": "array", "items": {"type": "integer"}, "contains": {"const": 7}, "maxItems": 2})", Held::checked, {"[7]"}, {"[1,2,3]"}, {"[1]"}},
      {"minContains", R"({"type": "array", "contains": {"type": "null"}, "minContains": 2})", Held::by_grammar, {"[null,null]", "[null,1,null]"}, {"[null]", "[1,2]"}},
  };
}

Forms of_objects() {
  return {
      {"properties and required", R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "boolean"}}, "required": ["b"]})", Held::by_grammar, {R"({"b":true})", R"({"a":1,"b":false})"}, {"{}", R"({"a":1})", R"({"b":1})"}},
      {"required as draft 3 has it", R"({"type": "object", "properties": {"a": {"type": "integer", "required": true}, "b": {}}})", Held::by_grammar, {R"({"a":1})"}, {"{}"}},
      {"additionalProperties as a schema", R"({"type": "object", "properties": {"ab": {"type": "integer"}}, "additionalProperties": {"type": "string"}})", Held::by_grammar, {R"({"ab":1})", R"({"a":"x"})", "{}"}, {R"({"ab":"x"})", R"({"b":1})"}},
      {"unevaluatedProperties", R"({"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}], "unevaluatedProperties": false})", Held::by_grammar, {R"({"a":1})"}, {R"({"a":1,"b":2})"}},
      {"patternProperties", R"({"type": "object", "patternProperties": {"^x-": {"type": "integer"}}})", Held::by_grammar, {"{}", R"({"x-a":1,"x-":2})"}, {R"({"y":1})", R"({"x-a":"b"})"}},
      {"propertyNames", R"({"type": "object", "propertyNames": {"pattern": "^[a-z]{2}$"}, "additionalProperties": {"type": "integer"}})", Held::by_grammar, {"{}", R"({"de":1,"fr":2})"}, {R"({"deu":1})", R"({"de":"x"})"}},
      {"propertyNames out of a list", R"({"type": "object", "propertyNames": {"enum": ["n", "s"]}, "additionalProperties": {"type": "integer"}})", Held::by_grammar, {R"({"n":1,"s":2})", "{}"}, {R"({"x":1})"}},
      {"propertyNames beside properties", R"({"type": "object", "properties": {"id": {"type": "integer"}}, "propertyNames": {"pattern": "^[a-z]+$"}, "additionalProperties": {"type": "integer"}})", Held::checked, {R"({"id":1,"x":2})"}, {R"({"ID":1})"}},
      {"minProperties and maxProperties", R"({"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}, "c": {"type": "null"}}, "minProperties": 1, "maxProperties": 2})", Held::by_grammar, {R"({"b":null})", R"({"a":null,"c":null})"}, {"{}", R"({"a":null,"b":null,"c":null})"}},
      {"minProperties of any members", R"({"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2})", Held::by_grammar, {R"({"x":1,"y":2})", R"({"x":1,"y":2,"z":3})"}, {"{}", R"({"x":1})"}},
      {"dependentRequired", R"({"type": "object", "properties": {"card": {"type": "string"}, "address": {"type": "string"}}, "dependentRequired": {"card": ["address"]}})", Held::by_grammar, {"{}", R"({"address":"x"})", R"({"card":"1","address":"x"})"}, {R"({"card":"1"})"}},
      {"dependencies", R"({"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}}, "dependencies": {"a": ["b"]}})", Held::by_grammar, {"{}", R"({"b":null})", R"({"a":null,"b":null})"}, {R"({"a":null})"}},
      {"dependentSchemas", R"({"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "integer"}}, "dependentSchemas": {"a": {"properties": {"b": {"minimum": 5}}, "required": ["b"]}}})", Held::by_grammar, {"{}", R"({"b":1})", R"({"a":null,"b":5})"}, {R"({"a":null})", R"({"a":null,"b":4})"}},
      {"if, then and else", R"({"type": "object", "properties": {"kind": {"enum": ["ship", "boat"]}, "masts": {"type": "integer"}}, "required": ["kind"], "if": {"properties": {"kind": {"const": "ship"}}}, "then": {"required": ["masts"]}, "else": {"properties": {"masts": false}}})", Held::by_grammar, {R"({"kind":"ship","masts":3})", R"({"kind":"boat"})"}, {R"({"kind":"ship"})", R"({"kind":"boat","masts":1})"}},
      {"if that no grammar can tell", R"({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "null"}}, "required": ["a"], "if": {"properties": {"a": {"pattern": "^x"}}}, "then": {"required": ["b"]}})", Held::checked, {R"({"a":"y"})", R"({"a":"x","b":null})"}, {"{}"}, {R"({"a":"x"})"}},
  };
}

Forms of_combinations() {
  return {
      {"anyOf", R"({"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 1}]})", Held::by_grammar, {"1", "\"a\""}, {"\"ab\"", "true"}},
      {"oneOf whose branches are told apart", R"({"oneOf": [{"type": "object", "properties": {"k": {"const": "a"}, "n": {"type": "integer"}}, "required": ["k"]}, {"type": "object", "properties": {"k": {"const": "b"}}, "required": ["k"]}]})", Held::by_grammar, {R"({"k":"a","n":1})", R"({"k":"b"})"}, {R"({"k":"c"})"}},
      {"oneOf whose branches overlap", R"({"oneOf": [{"type": "integer", "minimum": 5}, {"type": "integer", "maximum": 9}]})", Held::checked, {"1", "10"}, {"true"}, {"7"}},
      {"allOf", R"({"allOf": [{"$ref": "#/definitions/named"}, {"properties": {"age": {"type": "integer", "minimum": 0}}, "required": ["age"]}], "definitions": {"named": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}}})", Held::by_grammar, {R"({"name":"x","age":1})"}, {R"({"name":"x"})", R"({"name":"x","age":-1})"}},
      {"not a value", R"({"type": "string", "not": {"enum": ["no", "none"]}})", Held::by_grammar, {"\"yes\"", "\"non\"", "\"\""}, {"\"no\"", "\"none\""}},
      {"not a type", R"({"not": {"type": "string"}})", Held::by_grammar, {"1", "null", "[\"a\"]"}, {"\"a\""}},
      {"not a member", R"({"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}}, "not": {"required": ["a"]}})", Held::by_grammar, {"{}", R"({"b":null})"}, {R"({"a":null})"}},
      {"not a pattern", R"({"type": "string", "not": {"pattern": "^x"}})", Held::checked, {"\"a\""}, {"1"}, {"\"xa\""}},
      {"discriminator", R"({"oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}], "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/components/schemas/Cat", "dog": "#/components/schemas/Dog"}}, "components": {"schemas": {"Cat": {"type": "object", "properties": {"kind": {"type": "string"}, "lives": {"type": "integer"}}, "required": ["kind"]}, "Dog": {"type": "object", "properties": {"kind": {"type": "string"}}, "required": ["kind"]}}}})", Held::by_grammar, {R"({"kind":"cat","lives":9})", R"({"kind":"cat"})"}, {R"({"kind":"cow"})", R"({"kind":"dog","lives":1})"}},
      {"const", R"({"const": {"a": ["\"", 1]}})", Held::by_grammar, {R"({"a":["\"",1]})"}, {"{}"}},
      {"enum of mixed types", R"({"enum": ["é", 1, null, "a\nb", 2.5, true]})", Held::by_grammar, {"\"é\"", "1", "null", "\"a\\nb\"", "2.5", "true"}, {"\"e\"", "2", "false"}},
      {"enum beside a pattern", R"({"enum": ["ab", "b"], "pattern": "^a"})", Held::checked, {"\"ab\""}, {"\"c\""}, {"\"b\""}},
      {"an empty enum", R"({"type": "integer", "enum": []})", Held::loosened, {"1"}, {"\"a\""}},
      {"a list of types", R"({"type": ["string", "null"]})", Held::by_grammar, {"null", "\"\""}, {"1", "[]"}},
      {"a type in upper case", R"({"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]})", Held::by_grammar, {R"({"a":"x"})"}, {R"({"a":1})"}},
      {"a type that is null", R"({"type": "object", "properties": {"a": {"type": null}}, "required": ["a"]})", Held::loosened, {R"({"a":1})"}, {"{}"}},
      {"nullable", R"({"type": "integer", "nullable": true})", Held::by_grammar, {"null", "3"}, {"true"}},
      {"the empty schema", "{}", Held::by_grammar, {R"({"a": [1, null]})", "-0.5e-3", "[]", "{}"}, {"{a: 1}", "01"}},
      {"true and false as schemas", R"({"type": "object", "properties": {"a": true, "b": false}, "required": ["a"]})", Held::by_grammar, {R"({"a":[1]})"}, {R"({"a":1,"b":1})", "{}"}},
      {"a keyword that is not known", R"({"type": "integer", "ui:widget": "slider"})", Held::loosened, {"1"}, {"true"}},
  };
}

Forms of_references() {
  return {
      {"$ref and $defs", R"({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"oneOf": [{"const": 1}, {"const": "x"}]}}})", Held::by_grammar, {"1", "\"x\""}, {"2"}},
      {"$ref with something beside it", R"({"$ref": "#/$defs/n", "maximum": 5, "$defs": {"n": {"type": "integer", "minimum": 1}}})", Held::by_grammar, {"1", "5"}, {"0", "6"}},
      {"$ref to an anchor", R"({"$ref": "#n", "$defs": {"x": {"$anchor": "n", "type": "integer"}}})", Held::by_grammar, {"1"}, {"true"}},
      {"$ref to an $id", R"({"$ref": "https://example.org/n", "$defs": {"x": {"$id": "https://example.org/n", "type": "integer"}}})", Held::by_grammar, {"1"}, {"true"}},
      {"$ref to http", R"({"type": "object", "properties": {"a": {"$ref": "https://example.org/x"}}, "required": ["a"]})", Held::loosened, {R"({"a":1})"}, {"{}"}},
      {"a dead $ref", R"({"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}, "required": ["a"]})", Held::loosened, {R"({"a":1})"}, {"{}"}},
      {"recursion", R"({"$ref": "#/definitions/tree", "definitions": {"tree": {"type": "object", "properties": {"leaf": {"type": "boolean"}, "children": {"type": "array", "items": {"$ref": "#/definitions/tree"}, "maxItems": 2}}, "required": ["leaf"]}}})", Held::by_grammar, {R"({"leaf":true})", R"({"leaf":false,"children":[{"leaf":true},{"leaf":true,"children":[]}]})"}, {R"({"children":[]})", R"({"leaf":true,"children":[1]})"}},
      {"recursion with something beside it", R"({"type": "object", "properties": {"next": {"allOf": [{"$ref": "#"}, {"maxProperties": 1}]}}})", Held::by_grammar, {"{}", R"({"next":{"next":{}}})"}, {R"({"next":1})"}},
      {"recursion in place", R"({"anyOf": [{"$ref": "#"}, {"type": "integer"}]})", Held::by_grammar, {"1"}, {"true"}},
  };
}

}  // namespace

const std::vector<SchemaForm>& schema_forms() {
  static const Forms kForms = [] {
    Forms all;
    for (Forms part : {of_numbers(), of_strings(), of_arrays(), of_objects(), of_combinations(), of_references()})
      all.insert(all.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
    return all;
  }();
  return kForms;
}

}  // namespace plimsoll::test
